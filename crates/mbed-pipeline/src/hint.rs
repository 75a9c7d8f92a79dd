//! What a person can do about an error of this crate.

use std::io;

use mbed_core::Hint;

use crate::format::list_extensions;
use crate::{InputFormat, OutputFormat, PipelineError};

impl Hint for PipelineError {
    fn hint(&self) -> Option<String> {
        input_hint(self).or_else(|| column_hint(self)).or_else(|| output_hint(self))
    }
}

fn input_hint(error: &PipelineError) -> Option<String> {
    use PipelineError as E;
    let hint = match error {
        E::NoInput => "name files or folders, or `-` for standard input".to_owned(),
        E::UnknownInputFormat { .. } => format!(
            "known are {}, and names without an extension as text; `--input-format` says what any other file is",
            list_extensions(InputFormat::ALL.map(InputFormat::extensions)),
        ),
        E::UnknownAddress { .. } if cfg!(feature = "objects") => {
            "known are `s3://bucket/key` and `file:///folder`".to_owned()
        }
        E::UnknownAddress { .. } => "this mbed was built without object storage".to_owned(),
        E::UnknownName { known, .. } => format!("choose one of {}", known.join(", ")),
        E::NothingInFolder { .. } => format!(
            "folders are searched for {} and names without an extension; hidden files are not read",
            list_extensions(InputFormat::ALL.map(InputFormat::extensions)),
        ),
        E::NoMatch { .. } => {
            "`*` and `?` stay within one name, `**` goes through folders".to_owned()
        }
        E::MixedFormats { .. } => {
            "embed each format by itself; `--input-format` takes the files of one format out of a folder".to_owned()
        }
        E::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => "check the path".to_owned(),
        E::InvalidUtf8 { .. } | E::FieldNotUtf8 { .. } => {
            "`--invalid-utf8 replace` puts U+FFFD in place of bad bytes, `--invalid-utf8 skip` leaves such records out"
                .to_owned()
        }
        E::TextTooLong { .. } => "split it; only its first few thousand words could be embedded anyway".to_owned(),
        E::RaggedRow { .. } => "a field that holds a separator or a line break must be quoted".to_owned(),
        E::NoHeader { .. } => "the first row must name the columns".to_owned(),
        E::Corrupt { format, .. } => {
            format!("the file is cut short, damaged or not {format} at all; `--input-format` says what it is")
        }
        E::Chunk { source, .. } => return source.hint(),
        E::DifferentColumns { .. } => "embed files with other columns by themselves".to_owned(),
        _ => return None,
    };
    Some(hint)
}

fn column_hint(error: &PipelineError) -> Option<String> {
    use PipelineError as E;
    let hint = match error {
        E::BadJson { .. } => "each line must be one JSON object such as {\"text\": \"...\"}".to_owned(),
        E::TextNotString { keys, .. } => {
            format!("the keys seen are {}; `--text-column` chooses another", list(keys))
        }
        E::UnexpectedValue { .. } => {
            "types of standard input come from its first records: save it to a file, which is read twice"
                .to_owned()
        }
        E::TooManyKeys { .. } => {
            "put keys that are data under one key, whose value is kept as JSON".to_owned()
        }
        E::NoSuchColumn { columns, .. } => format!("the columns are {}", list(columns)),
        E::NoTextColumn { columns } => format!("choose with `--text-column` among {}", list(columns)),
        E::NotText { .. } => "`--text-column` chooses another column".to_owned(),
        E::NullValue { .. } => "leave such rows out of the input, or fill them".to_owned(),
        _ => return None,
    };
    Some(hint)
}

fn output_hint(error: &PipelineError) -> Option<String> {
    use PipelineError as E;
    let hint = match error {
        E::UnknownOutputFormat { .. } => format!(
            "known are {}; `--format` chooses one for any name",
            list_extensions(OutputFormat::ALL.map(OutputFormat::extensions)),
        ),
        E::OutputIsInput { .. } => "write to another path".to_owned(),
        E::OutputIsFolder { .. } => "name a file in it".to_owned(),
        E::OutputFolder { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            "make the folder first".to_owned()
        }
        E::OutputFolder { .. } => "choose a folder that you may write in".to_owned(),
        E::ColumnTaken { .. } => "`--vector-column` gives the vectors another name".to_owned(),
        E::UnsupportedColumns { format: OutputFormat::Jsonl, .. } => {
            "`--format parquet` holds more types of columns".to_owned()
        }
        E::VectorType { .. } => "Parquet and Arrow hold every type".to_owned(),
        E::NotFinite { .. } => "the model overflowed on this text; try a higher precision".to_owned(),
        E::ClosedPipe { .. } => "the command that the output was piped into ended first".to_owned(),
        E::DiskFull { .. } => "free some space, or write to another disk; nothing was left behind".to_owned(),
        _ => return None,
    };
    Some(hint)
}

fn list(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}
