//! The page.

use std::fmt::Write as _;

use super::canvas::short;
use super::figures::{Figure, Results, figures, variant};
use super::tables::{Table, tables};
use super::theme::STYLE;
use crate::BenchError;
use crate::rows::{Body, Origin, Row};

/// One page that needs nothing else.
///
/// # Errors
/// A chart cannot be drawn.
pub fn page(rows: &[Row]) -> Result<String, BenchError> {
    let mut body = String::new();
    // Writing to a String cannot fail.
    if let Some(row) = rows.first() {
        let _ = write!(body, "{}", head(&row.origin));
    }
    let doubts: String = warnings(rows).iter().map(|text| format!("<li>{}</li>", escaped(text))).collect();
    if !doubts.is_empty() {
        let _ = write!(
            body,
            "<div class=\"doubt\"><b>Mind when you read these figures</b><ul>{doubts}</ul></div>"
        );
    }
    body += &tiles(rows);
    body += "<h2>Charts</h2><div class=\"charts\">";
    for figure in figures(rows)? {
        body += &chart(&figure);
    }
    body += "</div>";
    for found in tables(rows) {
        body += &table(&found);
    }
    Ok(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\"><title>mbed: how fast this machine embeds</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>\n"
    ))
}

fn head(origin: &Origin) -> String {
    format!(
        "<h1>How fast this machine embeds</h1><p>{}</p><p class=\"faint\">mbed {} at commit {}, {} build with {}; {}; {}</p>",
        escaped(&origin.machine.describe()),
        escaped(&origin.version),
        escaped(&origin.commit),
        escaped(&origin.profile),
        escaped(&origin.features.join(", ")),
        escaped(&origin.machine.system),
        date(origin.time)
    )
}

/// Why figures deserve a second look, each reason once.
pub(crate) fn warnings(rows: &[Row]) -> Vec<String> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in rows {
        let Body::Warning { text } = &row.body else { continue };
        let study = row.origin.study.as_str();
        match found.iter_mut().find(|(known, _)| known == text) {
            Some((_, studies)) if studies.contains(&study) => {}
            Some((_, studies)) => studies.push(study),
            None => found.push((text, vec![study])),
        }
    }
    found.into_iter().map(|(text, studies)| format!("{}: {text}", studies.join(", "))).collect()
}

/// The numbers that people look for first.
fn tiles(rows: &[Row]) -> String {
    let results = Results::of(rows);
    let mut found = Vec::new();
    for workload in ["queries", "sentences", "passages", "documents"] {
        let of_workload = results.plain().filter(|done| done.cell.workload.to_string() == workload);
        let best = of_workload.max_by(|a, b| a.texts_per_s.median.total_cmp(&b.texts_per_s.median));
        if let Some(best) = best {
            let name = format!("{workload} a second, {}", variant(best));
            found.push((short(best.texts_per_s.median), name));
        }
    }
    let fastest = results.plain().filter_map(|done| Some((done.alone_ms?.p50, variant(done))));
    if let Some((time, name)) = fastest.min_by(|a, b| a.0.total_cmp(&b.0)) {
        found.push((format!("{} ms", short(time)), format!("for one text alone, {name}")));
    }
    if let Some(share) = results.plain().filter_map(|done| done.peak_share).max_by(f64::total_cmp) {
        let text = "of the measured peak of matrix products, from text to vector";
        found.push((format!("{:.0} %", share * 100.0), text.to_owned()));
    }
    let tile = |(number, text): (String, String)| {
        format!("<div class=\"tile\"><b>{number}</b><span>{}</span></div>", escaped(&text))
    };
    format!("<div class=\"tiles\">{}</div>", found.into_iter().map(tile).collect::<String>())
}

fn chart(figure: &Figure) -> String {
    let entry = |(name, color): &(String, Option<usize>)| {
        let color =
            color.map_or_else(|| "faint".to_owned(), |number| format!("s{}", number % super::theme::SERIES));
        format!("<span style=\"color:var(--{color})\">&#9632;</span> {} &ensp;", escaped(name))
    };
    let legend: String = figure.legend.iter().map(entry).collect();
    let legend = if legend.is_empty() { legend } else { format!("<div>{legend}</div>") };
    format!(
        "<figure><b>{}</b>{}<figcaption>{legend}{}</figcaption></figure>",
        escaped(&figure.title),
        figure.svg,
        escaped(&figure.note)
    )
}

fn table(table: &Table<'_>) -> String {
    let mut text = format!("<h2>{}</h2><p class=\"faint\">{}</p>", escaped(table.title), escaped(table.note));
    text += "<div class=\"wide\"><table><tr>";
    for name in &table.head {
        let _ = write!(text, "<th>{}</th>", escaped(name));
    }
    text += "</tr>";
    for line in &table.lines {
        let last = line.len() - 1;
        let has_words = matches!(table.head.last(), Some(&"why" | &"settings"));
        let cell = |(place, value): (usize, &String)| {
            let class = if has_words && place == last { " class=\"words\"" } else { "" };
            format!("<td{class}>{}</td>", escaped(value))
        };
        let _ = write!(text, "<tr>{}</tr>", line.iter().enumerate().map(cell).collect::<String>());
    }
    text + "</table></div>"
}

/// Text that means itself in HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The day of a time in seconds since 1970, after Hinnant's `civil_from_days`.
pub(crate) fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let in_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{in_month:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_those_of_the_calendar() {
        // `date -u -d @N +%F`
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_399), "2000-02-28");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_795_254_000), "2026-11-21");
    }
}
