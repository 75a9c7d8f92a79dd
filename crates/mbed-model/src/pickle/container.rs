//! Which of the two containers a file is, and its tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use mbed_core::SharedBytes;

use super::archive::{self, Archive};
use super::assembly::Assembly;
use super::sequence::{self, Contents};
use super::value::Pickled;
use super::{PickleError, machine};
use crate::ModelError;
use crate::mapped::MappedFile;
use crate::tensors::NamedTensors;

/// The first byte of every pickle of protocol 2 and later.
const PICKLE: u8 = 0x80;

/// Opens a state dict that `torch.save` wrote. Its values stay in the file, mapped, where they lie row-major.
///
/// # Errors
/// The file cannot be read or is damaged, or holds what no state dict of plain tensors needs.
pub(crate) fn open_file(path: &Path) -> Result<NamedTensors, ModelError> {
    let file = File::open(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    let mapped =
        MappedFile::new(&file).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    read(path, &(Arc::new(mapped) as SharedBytes))
        .map_err(|source| ModelError::Pickle { path: path.to_owned(), source })
}

/// Reads the bytes of a file; the path is told to those who ask for a tensor that is not made of floating-point
/// numbers.
pub(super) fn read(path: &Path, bytes: &SharedBytes) -> Result<NamedTensors, PickleError> {
    let file = (**bytes).as_ref();
    let (pickled, storages) = if file.starts_with(archive::SIGNATURE) {
        read_archive(file)?
    } else if file.first() == Some(&PICKLE) {
        sequence::read(file)?
    } else {
        return Err(PickleError::UnknownContainer);
    };
    Assembly::new(&pickled, &storages, bytes).run(path)
}

fn read_archive(file: &[u8]) -> Result<Contents<'_>, PickleError> {
    let archive = Archive::read(file)?;
    // Archives of before torch 2.1 do not say; there were no others than little-endian ones.
    if let Some(order) = archive.find("byteorder")?
        && file.get(order) != Some(b"little")
    {
        return Err(PickleError::BigEndian);
    }
    let place = archive.get("data.pkl")?;
    let pickle = file.get(..place.end).unwrap_or_default();
    let pickled = machine::run(pickle, place.start)?;
    let storages = find_storages(&archive, &pickled)?;
    no_overlaps(storages.iter().map(|(key, range)| (*key, range)).chain([("data.pkl", &place)]))?;
    Ok((pickled, storages))
}

fn find_storages<'a>(
    archive: &Archive<'_>,
    pickled: &Pickled<'a>,
) -> Result<BTreeMap<&'a str, Range<usize>>, PickleError> {
    let mut storages = BTreeMap::new();
    for storage in pickled.storages() {
        if !storages.contains_key(storage.key) {
            storages.insert(storage.key, archive.get(&format!("data/{}", storage.key))?);
        }
    }
    Ok(storages)
}

/// Members share no bytes; an archive where they do was made to mislead.
fn no_overlaps<'a>(members: impl Iterator<Item = (&'a str, &'a Range<usize>)>) -> Result<(), PickleError> {
    let mut members: Vec<_> = members.filter(|(_, range)| !range.is_empty()).collect();
    members.sort_by_key(|(_, range)| range.start);
    let mut end = 0;
    for (name, range) in members {
        if range.start < end {
            return Err(PickleError::Member { name: name.to_owned(), reason: "shares bytes with another" });
        }
        end = range.end;
    }
    Ok(())
}
