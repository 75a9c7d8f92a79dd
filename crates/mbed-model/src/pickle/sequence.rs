//! The container before torch 1.6: five pickles, and behind them the storages, each with its count before it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::PickleError;
use super::machine;
use super::reader::Reader;
use super::value::{Object, Pickled, StorageRef, Value};

/// What the first pickle holds, little-endian: the number 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// What the second one holds.
const PROTOCOL: i64 = 1001;

/// The pickle with the tensors, and where their storages lie in the file.
pub(super) type Contents<'a> = (Pickled<'a>, BTreeMap<&'a str, Range<usize>>);

/// Reads a file that begins with a pickle.
pub(super) fn read(file: &[u8]) -> Result<Contents<'_>, PickleError> {
    let magic = machine::run(file, 0)?;
    if !matches!(magic.root, Value::LongInt(number) if number == MAGIC) {
        return Err(PickleError::UnknownContainer);
    }
    let protocol = machine::run(file, magic.end)?;
    if !matches!(protocol.root, Value::Int(PROTOCOL)) {
        return Err(PickleError::UnknownContainer);
    }
    let system = machine::run(file, protocol.end)?;
    if !matches!(system.entry(system.root, "little_endian"), Some(Value::Bool(true))) {
        return Err(PickleError::BigEndian);
    }
    let state = machine::run(file, system.end)?;
    let keys = machine::run(file, state.end)?;
    let storages = read_storages(file, &state, &keys)?;
    Ok((state, storages))
}

fn read_storages<'a>(
    file: &'a [u8],
    state: &Pickled<'a>,
    keys: &Pickled<'a>,
) -> Result<BTreeMap<&'a str, Range<usize>>, PickleError> {
    let mut reader = Reader::new(file, keys.end);
    let Some(Object::List(listed)) = keys.object(keys.root) else {
        return Err(reader.damaged("the keys of its storages are not a list"));
    };
    let described: BTreeMap<&str, &StorageRef<'_>> =
        state.storages().map(|storage| (storage.key, storage)).collect();
    let mut storages = BTreeMap::new();
    for key in listed {
        let Value::Text(key) = *key else {
            return Err(reader.damaged("the key of a storage is not a text"));
        };
        let storage = described.get(key).ok_or_else(|| reader.damaged("a storage that no tensor uses"))?;
        if storages.insert(key, take_storage(&mut reader, storage)?).is_some() {
            return Err(reader.damaged("a storage that is listed twice"));
        }
    }
    Ok(storages)
}

/// Passes the count and the bytes of one storage, and tells where the bytes are. Whether they are as many as the
/// pickle says is asked of every container's storages.
fn take_storage(reader: &mut Reader<'_>, storage: &StorageRef<'_>) -> Result<Range<usize>, PickleError> {
    let stored = StorageRef { count: i64::from_le_bytes(reader.array()?), ..*storage };
    let length = stored.bytes().ok_or_else(|| reader.damaged("a storage of a length that cannot be"))?;
    let start = reader.at();
    reader.take_long(length)?;
    Ok(start..reader.at())
}
