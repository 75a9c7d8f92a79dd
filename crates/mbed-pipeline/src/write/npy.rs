//! NumPy's array files: the vectors alone.
//!
//! Version 1.0 of the format, as NEP 1 describes it and `numpy.lib.format` documents it:
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};

use super::output::Output;
use super::vectors::Rows;
use super::writer::{Sink, SinkError};
use crate::PipelineError;

/// The length of the whole header, of which the format asks for a multiple of 64. What is not fixed in it are two
/// numbers of at most 20 digits, which 128 bytes always have room for.
pub(crate) const HEADER_BYTES: usize = 128;

/// What comes before the length of the description: a magic string and version 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Writes vectors behind a header whose number of rows is filled in at the end.
pub(super) struct NpySink {
    data: Data,
    dimensions: usize,
    rows: u64,
}

/// Where vectors wait for the header.
enum Data {
    /// In their place, behind an empty header.
    InPlace(Output),
    /// In an unnamed temporary file, because the target takes nothing back.
    Spooled { spool: BufWriter<File>, output: Output },
}

impl NpySink {
    pub(super) fn new(mut output: Output, dimensions: usize) -> Result<Self, PipelineError> {
        let name = output.name().to_owned();
        let data = if output.is_file() {
            output.write_all(&[0; HEADER_BYTES]).map(|()| Data::InPlace(output))
        } else {
            tempfile::tempfile().map(|spool| Data::Spooled { spool: BufWriter::new(spool), output })
        };
        let data = data.map_err(|source| PipelineError::write(&name, source))?;
        Ok(Self { data, dimensions, rows: 0 })
    }
}

impl Sink for NpySink {
    fn write(&mut self, rows: &Rows<'_>) -> Result<(), SinkError> {
        let bytes: Vec<u8> = rows.values().iter().flat_map(|value| value.to_le_bytes()).collect();
        match &mut self.data {
            Data::InPlace(output) => output.write_all(&bytes)?,
            Data::Spooled { spool, .. } => spool.write_all(&bytes)?,
        }
        self.rows += rows.range.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Output, SinkError> {
        let header = header(self.rows, self.dimensions);
        match self.data {
            Data::InPlace(mut output) => {
                output.overwrite_start(&header)?;
                Ok(output)
            }
            Data::Spooled { spool, mut output } => {
                let mut spool = spool.into_inner().map_err(io::IntoInnerError::into_error)?;
                spool.rewind()?;
                output.write_all(&header)?;
                io::copy(&mut spool, &mut output)?;
                Ok(output)
            }
        }
    }
}

/// The magic string, the length of the description with 16 bits, and the description of the array, a Python literal
/// filled up with spaces and ended by a line feed.
fn header(rows: u64, dimensions: usize) -> Vec<u8> {
    const DESCRIPTION_BYTES: u16 = (HEADER_BYTES - MAGIC.len() - size_of::<u16>()) as u16;
    let description =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimensions}), }}");
    let mut header = MAGIC.to_vec();
    header.extend(DESCRIPTION_BYTES.to_le_bytes());
    header.extend(description.bytes());
    header.resize(HEADER_BYTES - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use super::{HEADER_BYTES, header};

    #[test]
    fn the_largest_array_fits_its_header() {
        let header = header(u64::MAX, usize::MAX);
        assert_eq!(header.len(), HEADER_BYTES);
        let end = format!("({}, {}), }}", u64::MAX, usize::MAX);
        assert!(String::from_utf8_lossy(&header).trim_end().ends_with(&end));
    }
}
