//! The stack machine: instructions that build data, and no other.
//!
//! Each instruction has at least one byte and adds at most one value, one object and one entry of the memo, and texts
//! stay where they are: memory is bounded by the length of the pickle, and that is bounded too.

use std::collections::HashMap;
use std::str;

use super::PickleError;
use super::globals::{self, Global};
use super::reader::Reader;
use super::value::{Object, Pickled, StorageRef, TensorRef, Value};

/// The longest pickle that is read. A tensor takes about 150 bytes of it, so this is room for fifty thousand.
const LONGEST: usize = 8 << 20;

/// The longest key of a storage. Torch takes numbers.
const LONGEST_KEY: usize = 64;

/// Instructions by the names that Python's `pickle` has for them.
mod op {
    pub(super) const MARK: u8 = b'(';
    pub(super) const STOP: u8 = b'.';
    pub(super) const BINFLOAT: u8 = b'G';
    pub(super) const BININT: u8 = b'J';
    pub(super) const BININT1: u8 = b'K';
    pub(super) const BININT2: u8 = b'M';
    pub(super) const NONE: u8 = b'N';
    pub(super) const BINPERSID: u8 = b'Q';
    pub(super) const REDUCE: u8 = b'R';
    pub(super) const BINUNICODE: u8 = b'X';
    pub(super) const APPEND: u8 = b'a';
    pub(super) const BUILD: u8 = b'b';
    pub(super) const GLOBAL: u8 = b'c';
    pub(super) const APPENDS: u8 = b'e';
    pub(super) const BINGET: u8 = b'h';
    pub(super) const LONG_BINGET: u8 = b'j';
    pub(super) const BINPUT: u8 = b'q';
    pub(super) const LONG_BINPUT: u8 = b'r';
    pub(super) const SETITEM: u8 = b's';
    pub(super) const TUPLE: u8 = b't';
    pub(super) const SETITEMS: u8 = b'u';
    pub(super) const EMPTY_DICT: u8 = b'}';
    pub(super) const EMPTY_LIST: u8 = b']';
    pub(super) const EMPTY_TUPLE: u8 = b')';
    pub(super) const PROTO: u8 = 0x80;
    pub(super) const TUPLE1: u8 = 0x85;
    pub(super) const TUPLE2: u8 = 0x86;
    pub(super) const TUPLE3: u8 = 0x87;
    pub(super) const NEWTRUE: u8 = 0x88;
    pub(super) const NEWFALSE: u8 = 0x89;
    pub(super) const LONG1: u8 = 0x8a;
    pub(super) const SHORT_BINUNICODE: u8 = 0x8c;
    pub(super) const BINUNICODE8: u8 = 0x8d;
    pub(super) const STACK_GLOBAL: u8 = 0x93;
    pub(super) const MEMOIZE: u8 = 0x94;
    pub(super) const FRAME: u8 = 0x95;
}

/// Reads the pickle that begins at `start` of a file.
///
/// # Errors
/// It is damaged, or has an instruction or a name that is refused.
pub(super) fn run(file: &[u8], start: usize) -> Result<Pickled<'_>, PickleError> {
    let mut machine = Machine {
        reader: Reader::new(file, start),
        at: start,
        objects: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        machine.at = machine.reader.at();
        if machine.at - start > LONGEST {
            return Err(PickleError::TooLong { limit: LONGEST });
        }
        match machine.reader.byte()? {
            op::STOP => break,
            opcode => machine.step(opcode)?,
        }
    }
    let root = machine.pop()?;
    Ok(Pickled { objects: machine.objects, root, end: machine.reader.at() })
}

struct Machine<'a> {
    reader: Reader<'a>,
    /// Where the current instruction stands.
    at: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Value<'a>>,
    /// How much of the stack lay below each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
}

impl<'a> Machine<'a> {
    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            op::PROTO => self.protocol(),
            // Frames let Python read ahead; what is in them is read as if they were not there.
            op::FRAME => self.reader.take(8).map(drop),
            op::MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::APPEND | op::APPENDS => self.append(opcode),
            op::SETITEM | op::SETITEMS => self.set_items(opcode),
            op::BUILD => self.build(),
            op::BINPUT | op::LONG_BINPUT | op::MEMOIZE => self.memoize(opcode),
            _ => {
                let value = self.value(opcode)?;
                self.stack.push(value);
                Ok(())
            }
        }
    }

    /// What an instruction puts on the stack.
    fn value(&mut self, opcode: u8) -> Result<Value<'a>, PickleError> {
        match opcode {
            op::NONE => Ok(Value::Nothing),
            op::BINFLOAT => self.reader.take(8).map(|_| Value::Nothing),
            op::NEWTRUE => Ok(Value::Bool(true)),
            op::NEWFALSE => Ok(Value::Bool(false)),
            op::BININT1 => Ok(Value::Int(self.reader.byte()?.into())),
            op::BININT2 => Ok(Value::Int(u16::from_le_bytes(self.reader.array()?).into())),
            op::BININT => Ok(Value::Int(i32::from_le_bytes(self.reader.array()?).into())),
            op::LONG1 => self.long(),
            op::SHORT_BINUNICODE | op::BINUNICODE | op::BINUNICODE8 => self.text(opcode),
            op::BINGET | op::LONG_BINGET => self.recall(opcode),
            op::EMPTY_DICT => Ok(self.add(Object::Dict(Vec::new()))),
            op::EMPTY_LIST => Ok(self.add(Object::List(Vec::new()))),
            op::EMPTY_TUPLE | op::TUPLE | op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => self.tuple(opcode),
            op::GLOBAL => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                self.global(module, name)
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop_text()?, self.pop_text()?);
                self.global(module.as_bytes(), name.as_bytes())
            }
            op::REDUCE => self.call(),
            op::BINPERSID => self.storage(),
            _ => Err(PickleError::RefusedOpcode { opcode, offset: self.at }),
        }
    }

    fn damaged(&self, reason: &'static str) -> PickleError {
        PickleError::Damaged { offset: self.at, reason }
    }

    fn add(&mut self, object: Object<'a>) -> Value<'a> {
        self.objects.push(object);
        Value::Object(self.objects.len() - 1)
    }

    fn pop(&mut self) -> Result<Value<'a>, PickleError> {
        let lowest = self.marks.last().copied().unwrap_or_default();
        let value = if self.stack.len() > lowest { self.stack.pop() } else { None };
        value.ok_or_else(|| self.damaged("it takes more from the stack than is there"))
    }

    fn pop_text(&mut self) -> Result<&'a str, PickleError> {
        match self.pop()? {
            Value::Text(text) => Ok(text),
            _ => Err(self.damaged("a name that is not a text")),
        }
    }

    fn pop_tuple(&mut self) -> Result<&[Value<'a>], PickleError> {
        let popped = self.pop()?;
        let damaged = self.damaged("arguments that are not a tuple");
        let Value::Object(index) = popped else { return Err(damaged) };
        match self.objects.get(index) {
            Some(Object::Tuple(values)) => Ok(values),
            _ => Err(damaged),
        }
    }

    /// Takes all values above the last mark, lowest first.
    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a mark is missing"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    /// Takes so many values, lowest first.
    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>, PickleError> {
        let mut values = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        values.reverse();
        Ok(values)
    }

    /// The object on top of the stack, which stays there.
    fn top(&mut self) -> Result<&mut Object<'a>, PickleError> {
        let value = self.pop()?;
        self.stack.push(value);
        let damaged = self.damaged("it fills what holds no values");
        let Value::Object(index) = value else { return Err(damaged) };
        self.objects.get_mut(index).ok_or(damaged)
    }

    fn protocol(&mut self) -> Result<(), PickleError> {
        let known = matches!(self.reader.byte()?, 2..=5);
        if known { Ok(()) } else { Err(self.damaged("its protocol is not one of 2 to 5")) }
    }

    fn long(&mut self) -> Result<Value<'a>, PickleError> {
        let length = self.reader.byte()?;
        let stored = self.reader.take(length.into())?;
        let sign = if stored.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        let Some(low) = wide.get_mut(..stored.len()) else { return Ok(Value::LongInt(stored)) };
        low.copy_from_slice(stored);
        Ok(Value::Int(i64::from_le_bytes(wide)))
    }

    fn text(&mut self, opcode: u8) -> Result<Value<'a>, PickleError> {
        let length = match opcode {
            op::SHORT_BINUNICODE => self.reader.byte()?.into(),
            op::BINUNICODE => u32::from_le_bytes(self.reader.array()?).into(),
            _ => u64::from_le_bytes(self.reader.array()?),
        };
        let text = str::from_utf8(self.reader.take_long(length)?);
        text.map(Value::Text).map_err(|_| self.damaged("a text that is not UTF-8"))
    }

    fn tuple(&mut self, opcode: u8) -> Result<Value<'a>, PickleError> {
        let values = match opcode {
            op::TUPLE => self.pop_to_mark()?,
            op::TUPLE1 => self.pop_many(1)?,
            op::TUPLE2 => self.pop_many(2)?,
            op::TUPLE3 => self.pop_many(3)?,
            _ => Vec::new(),
        };
        Ok(self.add(Object::Tuple(values)))
    }

    fn memoize(&mut self, opcode: u8) -> Result<(), PickleError> {
        let slot = match opcode {
            op::BINPUT => self.reader.byte()?.into(),
            op::LONG_BINPUT => u32::from_le_bytes(self.reader.array()?),
            _ => u32::try_from(self.memo.len()).map_err(|_| self.damaged("its memo is too long"))?,
        };
        let value = self.pop()?;
        self.stack.push(value);
        self.memo.insert(slot, value);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Result<Value<'a>, PickleError> {
        let slot = match opcode {
            op::BINGET => self.reader.byte()?.into(),
            _ => u32::from_le_bytes(self.reader.array()?),
        };
        let found = self.memo.get(&slot).copied();
        found.ok_or_else(|| self.damaged("it asks its memo for what is not there"))
    }

    fn append(&mut self, opcode: u8) -> Result<(), PickleError> {
        let values = if opcode == op::APPENDS { self.pop_to_mark()? } else { self.pop_many(1)? };
        match self.top()? {
            Object::List(list) => list.extend(values),
            _ => return Err(self.damaged("it appends to what is not a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, opcode: u8) -> Result<(), PickleError> {
        let values = if opcode == op::SETITEMS { self.pop_to_mark()? } else { self.pop_many(2)? };
        let (pairs, rest) = values.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.damaged("a key without a value"));
        }
        match self.top()? {
            Object::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            _ => return Err(self.damaged("it sets keys of what is not a dictionary")),
        }
        Ok(())
    }

    /// Attributes of a dictionary, of which torch keeps the versions of modules in one: dropped.
    fn build(&mut self) -> Result<(), PickleError> {
        self.pop()?;
        let refused = PickleError::RefusedOpcode { opcode: op::BUILD, offset: self.at };
        if matches!(self.top(), Ok(Object::Dict(_))) { Ok(()) } else { Err(refused) }
    }

    fn global(&self, module: &[u8], name: &[u8]) -> Result<Value<'a>, PickleError> {
        let refused = || PickleError::RefusedGlobal { name: globals::shown(module, name), offset: self.at };
        globals::find(module, name).map(Value::Global).ok_or_else(refused)
    }

    /// Does what a call of a known name would: nothing is called.
    fn call(&mut self) -> Result<Value<'a>, PickleError> {
        let unfit = self.damaged("arguments that do not fit what is called");
        let arguments = self.pop_tuple()?;
        let count = arguments.len();
        let mut first = [Value::Nothing; 7];
        first.iter_mut().zip(arguments).for_each(|(copy, argument)| *copy = *argument);
        let [storage, offset, size, stride, _, _, dtype] = first;
        let tensor = TensorRef { storage, offset, size, stride, dtype: None };
        match (self.pop()?, count, dtype) {
            (Value::Global(Global::OrderedDict), 0, _) => Ok(self.add(Object::Dict(Vec::new()))),
            (Value::Global(Global::Tensor), 6.., _) => Ok(self.add(Object::Tensor(Box::new(tensor)))),
            (Value::Global(Global::TypedTensor), 7.., Value::Global(Global::Type(dtype))) => {
                let tensor = TensorRef { dtype: Some(dtype), ..tensor };
                Ok(self.add(Object::Tensor(Box::new(tensor))))
            }
            // Its first argument is the tensor itself.
            (Value::Global(Global::Parameter), 3, _) => Ok(storage),
            _ => Err(unfit),
        }
    }

    /// A persistent id: the word `storage`, type, key, device, count, and in very old files what it is a part of.
    fn storage(&mut self) -> Result<Value<'a>, PickleError> {
        let unfit = self.damaged("a persistent id that is not a storage");
        let storage = match self.pop_tuple()? {
            &[
                Value::Text("storage"),
                Value::Global(Global::Storage(dtype)),
                Value::Text(key),
                Value::Text(_),
                Value::Int(count),
            ]
            | &[
                Value::Text("storage"),
                Value::Global(Global::Storage(dtype)),
                Value::Text(key),
                Value::Text(_),
                Value::Int(count),
                Value::Nothing,
            ] => StorageRef { key, dtype, count },
            _ => return Err(unfit),
        };
        // Keys are compared and shown, as often as the file likes.
        let key = storage.key;
        if key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unfit);
        }
        Ok(self.add(Object::Storage(storage)))
    }
}
