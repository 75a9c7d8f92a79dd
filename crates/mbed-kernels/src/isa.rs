//! Sets of instructions that this process may use: found once, then passed as a value.
//!
//! A kernel that takes an [`Isa`] and finds a level in it needs no further proof that the processor has it.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "AMX needs a control register to be read and the kernel to be asked")
)]

use std::fmt;

use pulp::WithSimd;
#[cfg(target_arch = "x86_64")]
use pulp::{
    Scalar128b, Simd,
    x86::{V3, V4},
};

/// Sets of instructions. Each stands for those before it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor of the architecture has.
    Portable,
    /// AVX2, FMA and what every processor with them has (`x86-64-v3`): 8 binary32 values at a time.
    Avx2,
    /// AVX-512 F, BW, CD, DQ and VL (`x86-64-v4`): 16 binary32 values at a time.
    Avx512,
    /// AMX tiles with products of bfloat16 and of 8-bit integers, AVX512-VNNI and conversions by AVX512-BF16.
    Amx,
}

impl Level {
    /// Every level, the lowest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Amx];

    /// The best that processor and operating system allow, see [`Isa::detect`].
    #[must_use]
    pub fn detect() -> Self {
        detect()
    }

    /// The lower-case name that people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Amx => "amx",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The level that kernels work at. One above [`Level::Portable`] is made by [`Isa::detect`] alone, so a value is
/// the proof that this process may use the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Isa {
    level: Level,
}

impl Isa {
    /// What every processor of the architecture has.
    pub const PORTABLE: Self = Self { level: Level::Portable };

    /// The best that processor and operating system allow. Asks the operating system for the use of AMX tiles,
    /// which holds for the whole process.
    #[must_use]
    pub fn detect() -> Self {
        Self { level: detect() }
    }

    /// The lower of this and `level`: how tests and settings force a path.
    #[must_use]
    pub fn at_most(self, level: Level) -> Self {
        Self { level: self.level.min(level) }
    }

    /// The highest level that may be used.
    #[must_use]
    pub const fn level(self) -> Level {
        self.level
    }

    /// Runs `work`, compiled for the instructions of the level. AMX has none for binary32 beyond those of AVX-512.
    pub(crate) fn vectorize<W: WithSimd>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        {
            if self.has(Level::Avx512)
                && let Some(simd) = V4::try_new()
            {
                return Simd::vectorize(simd, work);
            }
            if self.has(Level::Avx2)
                && let Some(simd) = V3::try_new()
            {
                return Simd::vectorize(simd, work);
            }
            Simd::vectorize(Scalar128b, work)
        }
        // What is portable there is all that there is, and the only choice.
        #[cfg(not(target_arch = "x86_64"))]
        pulp::Arch::new().dispatch(work)
    }

    /// Whether the instructions of `level` may be used.
    #[must_use]
    pub fn has(self, level: Level) -> bool {
        self.level >= level
    }
}

#[cfg(not(target_arch = "x86_64"))]
const fn detect() -> Level {
    Level::Portable
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    use std::is_x86_feature_detected as has;

    if V3::try_new().is_none() {
        return Level::Portable;
    }
    if V4::try_new().is_none() {
        return Level::Avx2;
    }
    if has!("avx512bf16") && has!("avx512vnni") && amx::is_usable() { Level::Amx } else { Level::Avx512 }
}

#[cfg(target_arch = "x86_64")]
mod amx {
    use std::arch::x86_64::_xgetbv;

    /// Bits of the extended control register 0: the operating system keeps tile configuration and tile data.
    const TILE_STATE: u64 = 0b11 << 17;

    /// Whether the processor has tiles with both kinds of products, and the operating system lets us use them.
    pub(super) fn is_usable() -> bool {
        let Some(features) = raw_cpuid::CpuId::new().get_extended_feature_info() else { return false };
        features.has_amx_tile()
            && features.has_amx_bf16()
            && features.has_amx_int8()
            && std::is_x86_feature_detected!("xsave")
            && enabled_state() & TILE_STATE == TILE_STATE
            && permission()
    }

    fn enabled_state() -> u64 {
        // SAFETY: the caller found the feature `xsave`, which includes that the operating system switched it on.
        unsafe { _xgetbv(0) }
    }

    /// Linux hands tiles out on demand (Documentation/arch/x86/xstate.rst): `arch_prctl` with
    /// `ARCH_REQ_XCOMP_PERM` for component 18, the tile data. It fails before Linux 5.16 and in some sandboxes.
    #[cfg(target_os = "linux")]
    fn permission() -> bool {
        const ARCH_PRCTL: i64 = 158;
        const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
        const TILE_DATA: u64 = 18;
        let status: i64;
        // SAFETY: the system call with these arguments touches no memory of ours; the registers that system calls
        // overwrite are named.
        unsafe {
            std::arch::asm!(
                "syscall",
                inlateout("rax") ARCH_PRCTL => status,
                in("rdi") ARCH_REQ_XCOMP_PERM,
                in("rsi") TILE_DATA,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        status == 0
    }

    /// How other systems hand tiles out was not tried.
    #[cfg(not(target_os = "linux"))]
    const fn permission() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_stands_for_those_before_it_and_can_be_lowered_only() {
        let found = Isa::detect();
        assert_eq!(found, Isa::detect(), "asking again changes nothing");
        for level in Level::ALL {
            assert_eq!(found.at_most(level).level(), level.min(found.level()));
            assert_eq!(found.has(level), level <= found.level());
            assert_eq!(Isa::PORTABLE.at_most(level), Isa::PORTABLE);
        }
        assert!(Isa::PORTABLE.has(Level::Portable) && !Isa::PORTABLE.has(Level::Avx2));
    }

    /// The kernel's own list of what it lets programs use.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn what_is_found_is_what_linux_lists() {
        let listed = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let flags: Vec<&str> =
            listed.lines().find(|line| line.starts_with("flags")).unwrap().split(' ').collect();
        let lists = |names: &[&str]| names.iter().all(|name| flags.contains(name));
        let found = Isa::detect();
        let avx2 = ["avx2", "fma", "bmi1", "bmi2", "abm", "popcnt", "sse4_2"];
        assert_eq!(found.has(Level::Avx2), lists(&avx2));
        let avx512 = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"];
        assert_eq!(found.has(Level::Avx512), lists(&avx2) && lists(&avx512));
        // Permission may be refused, so this holds one way only.
        assert!(!found.has(Level::Amx) || lists(&["amx_tile", "amx_bf16", "amx_int8", "avx512_bf16"]));
    }
}
