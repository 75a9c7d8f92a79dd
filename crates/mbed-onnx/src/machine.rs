//! For which kind of machine a library was built, as its first bytes tell.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// As much of a file as tells: the offset of a Windows library's own header is small.
const BEGINNING: usize = 1024;

/// Machines by their numbers in ELF (`e_machine`), PE (`IMAGE_FILE_HEADER.Machine`) and Mach-O (`cputype`), named as
/// Rust names them.
const MACHINES: [(&str, [u32; 3]); 5] = [
    ("x86_64", [62, 0x8664, 0x0100_0007]),
    ("aarch64", [183, 0xaa64, 0x0100_000c]),
    ("x86", [3, 0x014c, 7]),
    ("arm", [40, 0x01c4, 12]),
    ("riscv64", [243, 0x5064, u32::MAX]),
];

/// Formats of libraries, in the order of the numbers above, with the systems that load them.
const SYSTEMS: [&str; 3] = ["linux", "windows", "macos"];

/// Why this machine cannot load the library at `path`, where its first bytes tell.
pub(crate) fn mismatch(path: &Path) -> Option<String> {
    let mut beginning = Vec::with_capacity(BEGINNING);
    File::open(path).ok()?.take(BEGINNING as u64).read_to_end(&mut beginning).ok()?;
    let (format, number) = format_and_number(&beginning)?;
    let system = SYSTEMS.get(format)?;
    let found = MACHINES.iter().find(|(_, numbers)| numbers.get(format) == Some(&number));
    let found = found.map_or_else(|| format!("machine {number}"), |(name, _)| (*name).to_owned());
    let (own_system, own) = (std::env::consts::OS, std::env::consts::ARCH);
    // Other systems with ELF say so in other places.
    let is_own_system = own_system == *system || (format == 0 && !SYSTEMS.contains(&own_system));
    if is_own_system && found == own {
        return None;
    }
    Some(format!("is built for {found} and {system}, this program for {own} and {own_system}"))
}

/// The number of the machine, and in which of the formats.
fn format_and_number(bytes: &[u8]) -> Option<(usize, u32)> {
    let field = |at: usize| bytes.get(at..at.checked_add(4)?)?.try_into().ok();
    let word = |at: usize| field(at).map(u32::from_le_bytes);
    match bytes {
        // Class, then the order of bytes: 2 is the largest first.
        [0x7f, b'E', b'L', b'F', _, order, ..] => {
            let pair: [u8; 2] = bytes.get(18..20)?.try_into().ok()?;
            let number = if *order == 2 { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
            Some((0, number.into()))
        }
        [b'M', b'Z', ..] => {
            let header = usize::try_from(word(0x3c)?).ok()?;
            let is_header = bytes.get(header..header.checked_add(4)?)? == b"PE\0\0";
            is_header.then_some((1, word(header.checked_add(4)?)? & 0xffff))
        }
        [0xcf, 0xfa, 0xed, 0xfe, ..] => Some((2, word(4)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a library in each format, by the layouts of `elf.h`, `winnt.h` and `mach-o/loader.h`.
    fn library(format: usize, number: u32) -> Vec<u8> {
        let mut bytes = vec![0; 512];
        match format {
            0 => {
                bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
                bytes[18..20].copy_from_slice(&(number as u16).to_le_bytes());
            }
            1 => {
                bytes[..2].copy_from_slice(b"MZ");
                bytes[0x3c] = 0x80;
                bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
                bytes[0x84..0x86].copy_from_slice(&(number as u16).to_le_bytes());
                bytes[0x86] = 7;
            }
            _ => {
                bytes[..4].copy_from_slice(&0xfeed_facf_u32.to_le_bytes());
                bytes[4..8].copy_from_slice(&number.to_le_bytes());
            }
        }
        bytes
    }

    #[test]
    fn machines_are_told_in_every_format() {
        for (name, numbers) in MACHINES {
            for (format, number) in numbers.into_iter().enumerate().filter(|(_, number)| *number != u32::MAX)
            {
                assert_eq!(format_and_number(&library(format, number)), Some((format, number)), "{name}");
            }
        }
        let mut big = library(0, 0);
        big[5] = 2;
        big[18..20].copy_from_slice(&[0, 22]);
        assert_eq!(format_and_number(&big), Some((0, 22)));
        for bytes in [&b""[..], b"\x7fELF", b"MZ", b"a library of another machine"] {
            assert_eq!(format_and_number(bytes), None);
        }
        let mut far = library(1, 0);
        far[0x3c..0x40].copy_from_slice(&[0xff; 4]);
        assert_eq!(format_and_number(&far), None);
    }

    #[test]
    fn only_other_machines_are_complained_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library");
        let own = SYSTEMS.iter().position(|system| *system == std::env::consts::OS).unwrap_or(0);
        for (name, numbers) in MACHINES {
            std::fs::write(&path, library(own, numbers[own])).unwrap();
            let said = mismatch(&path);
            match said {
                None => assert_eq!(name, std::env::consts::ARCH),
                Some(said) => assert!(said.starts_with(&format!("is built for {name} and ")), "{said}"),
            }
        }
        std::fs::write(&path, library(own, 4711)).unwrap();
        assert!(mismatch(&path).unwrap().starts_with("is built for machine 4711"));
        assert_eq!(mismatch(&folder.path().join("missing")), None);
    }
}
