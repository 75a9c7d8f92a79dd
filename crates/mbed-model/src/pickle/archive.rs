//! The container since torch 1.6: a zip archive whose members are stored as they are.
//!
//! The members are looked up in place. What the `zip` crate does more, unpacking, is never needed here, and it sets
//! memory aside for as many members as the archive claims to have.

use std::collections::BTreeMap;
use std::ops::Range;

use super::PickleError;
use super::reader::Reader;

/// How such a file begins: with the header of its first member.
pub(super) const SIGNATURE: &[u8] = b"PK\x03\x04";
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const END_64_LOCATOR: &[u8] = b"PK\x06\x07";

/// Bytes of the end record before its comment, which has at most 65535.
const END_LENGTH: usize = 22;
const END_64_LOCATOR_LENGTH: usize = 20;

/// A field that stands for "see the 64-bit one".
const SEE_64: u64 = 0xffff_ffff;
/// The extra field with the 64-bit ones.
const EXTRA_64: u16 = 1;

/// The members of one folder, the only one that `torch.save` writes.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    file: &'a [u8],
    /// The folder, which has the name of the file when it was saved.
    top: &'a [u8],
    members: BTreeMap<&'a [u8], Member>,
    /// Where the directory begins, behind all members.
    directory: usize,
}

/// What the directory says about a member.
#[derive(Clone, Copy, Debug)]
struct Member {
    flags: u16,
    method: u16,
    packed: u64,
    size: u64,
    header: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn read(file: &'a [u8]) -> Result<Self, PickleError> {
        let (count, directory) = find_directory(file)?;
        let mut reader = Reader::new(file, directory);
        let mut members = BTreeMap::new();
        let mut top = None;
        for _ in 0..count {
            let (name, member) = read_entry(&mut reader)?;
            top = top.or_else(|| name.iter().position(|&byte| byte == b'/').and_then(|end| name.get(..end)));
            members.insert(name, member);
        }
        let top = top.ok_or_else(|| reader.damaged("a zip archive without a folder"))?;
        Ok(Self { file, top, members, directory })
    }

    /// Where the bytes of a member of the folder lie in the file, if it is there.
    pub(super) fn find(&self, name: &str) -> Result<Option<Range<usize>>, PickleError> {
        let path = [self.top, b"/", name.as_bytes()].concat();
        let Some(member) = self.members.get(path.as_slice()) else { return Ok(None) };
        let refused = |reason| PickleError::Member { name: name.to_owned(), reason };
        let encrypted = member.flags & 1 != 0;
        if member.method != 0 || encrypted || member.packed != member.size {
            return Err(refused("is compressed or encrypted, `torch.save` does neither"));
        }
        let outside = || refused("does not lie in the file");
        let header = usize::try_from(member.header).map_err(|_| outside())?;
        let start = data_start(self.file, header)?;
        let size = usize::try_from(member.size).map_err(|_| outside())?;
        let end = start.checked_add(size).filter(|&end| end <= self.directory).ok_or_else(outside)?;
        Ok(Some(start..end))
    }

    /// Where the bytes of a member lie that must be there.
    pub(super) fn get(&self, name: &str) -> Result<Range<usize>, PickleError> {
        let found = self.find(name)?;
        found.ok_or_else(|| PickleError::Member { name: name.to_owned(), reason: "is missing" })
    }
}

/// How many members there are, and where their directory begins.
fn find_directory(file: &[u8]) -> Result<(u64, usize), PickleError> {
    let cut = |offset| PickleError::Damaged { offset, reason: "a zip archive that is cut short" };
    let end = find_end(file).ok_or_else(|| cut(file.len()))?;
    let mut reader = Reader::new(file, end + 10);
    let mut count = u64::from(u16::from_le_bytes(reader.array()?));
    reader.take(4)?;
    let mut start = u64::from(u32::from_le_bytes(reader.array()?));
    if let Some(locator) = end.checked_sub(END_64_LOCATOR_LENGTH)
        && file.get(locator..).is_some_and(|rest| rest.starts_with(END_64_LOCATOR))
    {
        let mut reader = Reader::new(file, locator + 8);
        let record = u64::from_le_bytes(reader.array()?);
        let record = usize::try_from(record).map_err(|_| cut(locator))?;
        let mut reader = Reader::new(file, record);
        expect(&mut reader, END_64)?;
        reader.take(28)?;
        count = u64::from_le_bytes(reader.array()?);
        reader.take(8)?;
        start = u64::from_le_bytes(reader.array()?);
    }
    let start = usize::try_from(start).ok().filter(|&start| start < end).ok_or_else(|| cut(end))?;
    Ok((count, start))
}

/// Where the end record begins: the last one whose comment reaches to the end of the file.
fn find_end(file: &[u8]) -> Option<usize> {
    let last = file.len().checked_sub(END_LENGTH)?;
    let first = last.saturating_sub(u16::MAX.into());
    (first..=last).rev().find(|&start| {
        let comment = file.get(start + 20..start + END_LENGTH).and_then(|length| length.try_into().ok());
        file.get(start..).is_some_and(|rest| rest.starts_with(END))
            && comment.map(u16::from_le_bytes).map(usize::from) == Some(last - start)
    })
}

fn expect(reader: &mut Reader<'_>, signature: &[u8]) -> Result<(), PickleError> {
    let damaged = reader.damaged("a zip record that is not where it should be");
    let found = reader.take(signature.len())?;
    if found == signature { Ok(()) } else { Err(damaged) }
}

fn read_entry<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], Member), PickleError> {
    expect(reader, DIRECTORY_ENTRY)?;
    reader.take(4)?;
    let (flags, method) = (u16::from_le_bytes(reader.array()?), u16::from_le_bytes(reader.array()?));
    reader.take(8)?;
    let packed = u32::from_le_bytes(reader.array()?).into();
    let size = u32::from_le_bytes(reader.array()?).into();
    let name_length = u16::from_le_bytes(reader.array()?);
    let extra_length = u16::from_le_bytes(reader.array()?);
    let comment_length = u16::from_le_bytes(reader.array()?);
    reader.take(8)?;
    let header = u32::from_le_bytes(reader.array()?).into();
    let name = reader.take(name_length.into())?;
    let extra = reader.take(extra_length.into())?;
    reader.take(comment_length.into())?;
    let mut member = Member { flags, method, packed, size, header };
    widen(&mut member, extra)?;
    Ok((name, member))
}

/// Takes the fields that need 64 bits from the extra ones.
fn widen(member: &mut Member, extra: &[u8]) -> Result<(), PickleError> {
    let mut reader = Reader::new(extra, 0);
    while reader.at() < extra.len() {
        let (kind, length) = (u16::from_le_bytes(reader.array()?), u16::from_le_bytes(reader.array()?));
        let content = reader.take(length.into())?;
        if kind != EXTRA_64 {
            continue;
        }
        let mut fields = Reader::new(content, 0);
        for field in [&mut member.size, &mut member.packed, &mut member.header] {
            if *field == SEE_64 {
                *field = u64::from_le_bytes(fields.array()?);
            }
        }
    }
    Ok(())
}

/// Where the bytes of a member begin: behind its own header, which is padded so that they are aligned.
fn data_start(file: &[u8], header: usize) -> Result<usize, PickleError> {
    let mut reader = Reader::new(file, header);
    expect(&mut reader, SIGNATURE)?;
    reader.take(22)?;
    let (name, extra) = (u16::from_le_bytes(reader.array()?), u16::from_le_bytes(reader.array()?));
    reader.take(usize::from(name) + usize::from(extra))?;
    Ok(reader.at())
}
