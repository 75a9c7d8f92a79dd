//! Matrices in NumPy's file format, as far as goldens use it.

use std::fs;
use std::path::Path;

use mbed_core::Embeddings;

use crate::Failure;

/// What every file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a matrix of little-endian binary32 values, row-major.
pub(crate) fn read(path: &Path) -> Result<Embeddings, Failure> {
    let named = |failure: Failure| failure.during(&format!("reading `{}`", path.display()));
    let bytes = fs::read(path).map_err(|error| named(error.into()))?;
    parse(&bytes).map_err(named)
}

fn parse(bytes: &[u8]) -> Result<Embeddings, Failure> {
    let (header, values) = split(bytes).ok_or_else(|| Failure::new("not a file of NumPy's"))?;
    if !header.contains("'descr': '<f4'") || !header.contains("'fortran_order': False") {
        return Err(Failure::new(format!("not row-major binary32: {header}")));
    }
    let (rows, columns) = shape(header).ok_or_else(|| Failure::new(format!("not a matrix: {header}")))?;
    let (values, rest) = values.as_chunks::<4>();
    if rows.checked_mul(columns) != Some(values.len()) || !rest.is_empty() {
        return Err(Failure::new(format!("{} values for {rows} × {columns}", values.len())));
    }
    let mut matrix = Embeddings::new();
    matrix.reset(rows, columns);
    for (place, &value) in matrix.values_mut().iter_mut().zip(values) {
        *place = f32::from_le_bytes(value);
    }
    Ok(matrix)
}

/// The header, a Python dictionary, and the values behind it. Version 1 has a length of 2 bytes, 2 and 3 of 4.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (version, rest) = rest.split_at_checked(2)?;
    let (length, rest) = match version.first()? {
        1 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        _ => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
        }
    };
    let (header, values) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, values))
}

fn shape(header: &str) -> Option<(usize, usize)> {
    let (_, rest) = header.split_once("'shape': (")?;
    let (sizes, _) = rest.split_once(')')?;
    let (rows, columns) = sizes.split_once(',')?;
    Some((rows.trim().parse().ok()?, columns.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, values: &[f32]) -> Vec<u8> {
        let length = u32::try_from(header.len()).unwrap().to_le_bytes();
        let length = if version == 1 { &length[..2] } else { &length[..] };
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        [MAGIC, &[version, 0], length, header.as_bytes(), &values].concat()
    }

    #[test]
    fn matrices_are_read_and_anything_else_is_refused() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        for version in [1, 2] {
            let matrix = parse(&file(version, header, &values)).unwrap();
            assert_eq!((matrix.rows(), matrix.get(1)), (2, Some(&values[3..])));
        }
        let refused = |bytes: &[u8], message: &str| {
            let failure = parse(bytes).unwrap_err().to_string();
            assert!(failure.contains(message), "{failure}");
        };
        let good = file(1, header, &values);
        refused(&good[..40], "not a file of NumPy's");
        refused(&good[..good.len() - 1], "5 values for 2 × 3");
        refused(&file(1, header, &[0.0; 7]), "7 values for 2 × 3");
        refused(&file(1, &header.replace("<f4", "<f8"), &values), "not row-major binary32");
        refused(&file(1, &header.replace("(2, 3)", "(6,)"), &values), "not a matrix");
    }
}
