//! The steps of a task: announced, timed, and listed at the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::printer;

/// What has been done, in order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    took: Duration,
    note: Option<String>,
}

impl Journal {
    /// Does the steps that `work` takes, then lists them all, also those before a failure.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn keep(work: impl FnOnce(&mut Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut journal = Self::default();
        let result = work(&mut journal);
        printer::line(&format!("\n{}", journal.table()));
        result
    }

    /// Does one step.
    ///
    /// # Errors
    /// Those of `work`, with the name of the step.
    pub(crate) fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        printer::line(&format!("\n==> {name}"));
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        let note = result.is_err().then(|| "failed".to_owned());
        printer::line(&format!(
            "    {name}: {} after {:.1} s",
            note.as_deref().unwrap_or("done"),
            took.as_secs_f64()
        ));
        self.entries.push(Entry { name: name.to_owned(), took, note });
        result.with_context(|| format!("step `{name}` failed"))
    }

    /// Adds a remark to the last step.
    pub(crate) fn note(&mut self, remark: &str) {
        if let Some(last) = self.entries.last_mut() {
            printer::line(&format!("    {}: {remark}", last.name));
            last.note = Some(remark.to_owned());
        }
    }

    /// One line a step: name, seconds, remark; then the sum.
    fn table(&self) -> String {
        let longest = self.entries.iter().map(|entry| entry.name.len());
        let width = longest.chain(["total".len()]).max().unwrap_or_default();
        let mut table = format!("{:width$}  {:>8}\n", "step", "seconds");
        for Entry { name, took, note } in &self.entries {
            let note = note.as_deref().map(|note| format!("  {note}")).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{name:width$}  {:>8.1}{note}", took.as_secs_f64());
        }
        let total: Duration = self.entries.iter().map(|entry| entry.took).sum();
        let _ = write!(table, "{:width$}  {:>8.1}", "total", total.as_secs_f64());
        table
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_table_lists_every_step_with_its_remark() {
        let entry = |name: &str, millis, note: Option<&str>| Entry {
            name: name.to_owned(),
            took: Duration::from_millis(millis),
            note: note.map(str::to_owned),
        };
        let entries = vec![entry("format", 400, None), entry("advisories", 20_100, Some("skipped"))];
        let expected = "step         seconds\n\
                        format           0.4\n\
                        advisories      20.1  skipped\n\
                        total           20.5";
        assert_eq!(Journal { entries }.table(), expected);
    }

    #[test]
    fn the_first_failure_ends_the_task_and_is_noted() {
        let mut journal = Journal::default();
        let result = (|| {
            assert_eq!(journal.step("good", || Ok(7))?, 7);
            journal.step("bad", || Err::<(), _>(anyhow!("`tool` failed")))?;
            journal.step("never", || Ok(()))
        })();
        assert_eq!(format!("{:#}", result.unwrap_err()), "step `bad` failed: `tool` failed");
        let notes: Vec<_> = journal.entries.iter().map(|entry| entry.note.as_deref()).collect();
        assert_eq!(notes, [None, Some("failed")]);
    }
}
