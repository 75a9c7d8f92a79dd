//! The live view: one screen, drawn anew with each sample.

use mbed::Bytes;
use mbed_monitor::{GpuSample, Limit, Sample};

/// Letters of a bar.
const WIDTH: usize = 30;
/// Letters of a curve, one a sample.
const CURVE: usize = 60;
/// From nothing to all.
const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The lines of a screen for the samples that are kept, the last of which is the one of now.
pub(super) fn screen(samples: &[Sample]) -> Vec<String> {
    let Some(now) = samples.last() else { return vec!["no sample yet".to_owned()] };
    let host = &now.host;
    let mut lines = vec![format!("mbed monitor, {:.0} s, Ctrl-C ends it", now.seconds), String::new()];
    lines.extend(host.cpu.map(|cpu| {
        let own = cpu
            .process_cores
            .map_or_else(String::new, |cores| format!(", {cores:.2} of them by the process"));
        line("cores", cpu.busy, &format!("{:.0} % busy{own}", cpu.busy * 100.0))
    }));
    lines.extend(host.memory.map(|memory| {
        let used = memory.total.get().saturating_sub(memory.available.get());
        line("memory", part(used, memory.total), &format!("{} of {} in use", Bytes::new(used), memory.total))
    }));
    lines.extend(host.memory.filter(|memory| memory.swap_total.get() > 0).map(|memory| {
        let used = memory.swap_total.get().saturating_sub(memory.swap_free.get());
        line("swap", part(used, memory.swap_total), &format!("{} of {}", Bytes::new(used), memory.swap_total))
    }));
    lines.extend(host.process.zip(host.memory).map(|(process, memory)| {
        let resident = part(process.resident.get(), memory.total);
        line("process", resident, &format!("{} resident", process.resident))
    }));
    lines.extend(host.limits.iter().map(|(bound, limit)| bounded(&bound.to_string(), *limit)));
    lines.extend(host.headroom.map(|room| format!("{} may be taken ({})", room.limit.free(), room.bound)));
    lines.extend(host.hottest_celsius.map(|celsius| format!("hottest sensor {celsius:.0} °C")));
    lines.extend(now.gpus.iter().flat_map(card));
    lines.push(String::new());
    lines.push(format!("cores   {}", curve(samples, |sample| Some(sample.host.cpu?.busy))));
    lines.push(format!(
        "memory  {}",
        curve(samples, |sample| {
            let memory = sample.host.memory?;
            Some(part(memory.total.get().saturating_sub(memory.available.get()), memory.total))
        })
    ));
    for gpu in &now.gpus {
        let busy = |sample: &Sample| sample.gpus.iter().find(|other| other.index == gpu.index)?.busy;
        lines.push(format!("gpu {:<3} {}", gpu.index, curve(samples, busy)));
    }
    lines
}

fn card(gpu: &GpuSample) -> Vec<String> {
    let name = gpu.name.as_deref().unwrap_or("(no answer)");
    let mut facts = vec![format!("gpu {} {name}", gpu.index)];
    facts.extend(gpu.celsius.map(|celsius| format!("{celsius} °C")));
    facts.extend(gpu.watts.map(|watts| format!("{watts:.0} W")));
    facts.extend(gpu.clock_mhz.map(|clock| format!("{clock} MHz")));
    facts.extend(
        (!gpu.throttled_by.is_empty()).then(|| format!("slowed by {}", gpu.throttled_by.join(" and "))),
    );
    let mut lines = vec![facts.join(", ")];
    lines.extend(gpu.busy.map(|busy| line("  busy", busy, &format!("{:.0} %", busy * 100.0))));
    let memory = gpu.memory_used.zip(gpu.memory_total);
    lines.extend(
        memory.map(|(used, total)| line("  memory", part(used.get(), total), &format!("{used} of {total}"))),
    );
    lines.extend(gpu.faults.iter().map(|fault| format!("  {fault}")));
    lines
}

fn bounded(name: &str, limit: Limit) -> String {
    let used = limit.limit.get().saturating_sub(limit.free().get());
    line(name, part(used, limit.limit), &format!("{} of {}", Bytes::new(used), limit.limit))
}

fn line(name: &str, part: f64, words: &str) -> String {
    format!("{name:<16} {} {words}", bar(part))
}

fn part(used: u64, total: Bytes) -> f64 {
    used as f64 / total.get().max(1) as f64
}

fn bar(part: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most WIDTH")]
    let full = (part.clamp(0.0, 1.0) * WIDTH as f64).round() as usize;
    format!("[{}{}]", "#".repeat(full), ".".repeat(WIDTH - full))
}

/// A letter for each of the last samples; a space where nobody told.
fn curve(samples: &[Sample], of: impl Fn(&Sample) -> Option<f64>) -> String {
    let last = samples.iter().skip(samples.len().saturating_sub(CURVE));
    last.map(|sample| of(sample).map_or(' ', step)).collect()
}

fn step(part: f64) -> char {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below 8")]
    let index = (part.clamp(0.0, 1.0) * (STEPS.len() - 1) as f64).round() as usize;
    STEPS.get(index).copied().unwrap_or('█')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_curves_go_from_nothing_to_all() {
        assert_eq!(bar(0.0), format!("[{}]", ".".repeat(30)));
        assert_eq!(bar(0.5), format!("[{}{}]", "#".repeat(15), ".".repeat(15)));
        assert_eq!(bar(7.0), format!("[{}]", "#".repeat(30)));
        assert_eq!([-1.0, 0.0, 0.5, 1.0, 2.0].map(step), ['▁', '▁', '▅', '█', '█']);
    }

    #[test]
    fn nothing_is_told_before_the_first_sample() {
        assert_eq!(screen(&[]), ["no sample yet"]);
    }
}
