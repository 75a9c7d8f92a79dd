//! Why a file of `torch.save` was not read.

/// Why a file of `torch.save` was not read. Offsets count from the beginning of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PickleError {
    /// It does not begin like anything that `torch.save` writes.
    #[error("it is neither a zip archive of `torch.save` nor a file of torch before 1.6")]
    UnknownContainer,
    /// Its numbers are stored the other way round.
    #[error("its numbers are big-endian, mbed reads little-endian ones only")]
    BigEndian,
    /// It names a function or type of Python that no state dict of plain tensors needs.
    #[error("the global `{name}` at byte {offset} is refused: a file that uses it could run code in Python")]
    RefusedGlobal {
        /// Module and name, shortened, with unprintable characters escaped.
        name: String,
        /// Where it is named.
        offset: usize,
    },
    /// It has an instruction that no state dict of plain tensors needs.
    #[error(
        "the opcode `{opcode:#04x}` at byte {offset} is refused: a file that uses it could run code in Python"
    )]
    RefusedOpcode {
        /// The instruction.
        opcode: u8,
        /// Where it stands.
        offset: usize,
    },
    /// It is cut short or makes no sense.
    #[error("it is damaged at byte {offset}: {reason}")]
    Damaged {
        /// Where it was found.
        offset: usize,
        /// What was found.
        reason: &'static str,
    },
    /// Its pickle is longer than any that describes tensors.
    #[error("its pickle is longer than {limit} bytes")]
    TooLong {
        /// The most bytes that are read.
        limit: usize,
    },
    /// A member of its zip archive is missing, or is not stored as `torch.save` stores it.
    #[error("member `{name}` of its zip archive {reason}")]
    Member {
        /// The member.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A storage has another length than its pickle says.
    #[error("storage `{key}` has {got} bytes, expected {expected}")]
    StorageLength {
        /// What the pickle calls it.
        key: String,
        /// The bytes that its pickle asks for.
        expected: u64,
        /// The bytes that are there.
        got: u64,
    },
    /// A tensor asks for values that are not there, or in a way that is not read.
    #[error("tensor `{tensor}` {reason}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It holds something else than tensors by name.
    #[error("it does not hold a state dict")]
    NoStateDict,
}
