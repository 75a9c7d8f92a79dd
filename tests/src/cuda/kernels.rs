//! What each kernel does, in the plainest form, from the arguments of its launch.

use mbed_core::spec::Activation;
use mbed_cuda::driver::DriverError;
use mbed_cuda::kernels::{Argument, Element, Launch};

use super::attend::attend;
use super::memory::{Doing, Memory, fault};

type Done = Result<(), DriverError>;

/// The arguments of a launch, one after the other.
pub(super) struct Arguments<'a>(pub(super) std::slice::Iter<'a, Argument>);

impl Arguments<'_> {
    pub(super) fn address(&mut self) -> Result<u64, DriverError> {
        match self.0.next() {
            Some(Argument::Address(address)) => Ok(*address),
            other => Err(fault(0, &format!("an address was expected, there is {other:?}"))),
        }
    }

    pub(super) fn count(&mut self) -> Result<usize, DriverError> {
        let number = match self.0.next() {
            Some(Argument::I32(number)) => i64::from(*number),
            Some(Argument::I64(number)) => *number,
            other => return Err(fault(0, &format!("an integer was expected, there is {other:?}"))),
        };
        usize::try_from(number).map_err(|_| fault(0, "a count is negative"))
    }

    pub(super) fn number(&mut self) -> Result<f32, DriverError> {
        match self.0.next() {
            Some(Argument::F32(number)) => Ok(*number),
            other => Err(fault(0, &format!("a binary32 was expected, there is {other:?}"))),
        }
    }

    fn end(mut self) -> Done {
        self.0.next().map_or(Ok(()), |more| Err(fault(0, &format!("{more:?} is one argument too many"))))
    }
}

/// A norm as arguments.
struct Norm {
    kind: usize,
    scale: u64,
    shift: u64,
    epsilon: f32,
}

impl Norm {
    fn read(arguments: &mut Arguments<'_>) -> Result<Self, DriverError> {
        Ok(Self {
            kind: arguments.count()?,
            scale: arguments.address()?,
            shift: arguments.address()?,
            epsilon: arguments.number()?,
        })
    }

    fn apply(&self, memory: &mut Memory, row: &mut [f32], doing: &Doing) -> Done {
        if self.kind == 0 {
            return Ok(());
        }
        let count = row.len() as f32;
        let mean = if self.kind == 1 { row.iter().sum::<f32>() / count } else { 0.0 };
        let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
        let inverse = 1.0 / (variance + self.epsilon).sqrt();
        let scale = memory.values((Element::F32, self.scale), row.len(), doing)?;
        for (value, scale) in row.iter_mut().zip(scale) {
            *value = (*value - mean) * inverse * scale;
        }
        if self.shift != 0 {
            let shift = memory.values((Element::F32, self.shift), row.len(), doing)?;
            row.iter_mut().zip(shift).for_each(|(value, shift)| *value += shift);
        }
        Ok(())
    }
}

/// Does what `launch` says.
pub(super) fn run(memory: &mut Memory, launch: &Launch, doing: &Doing) -> Done {
    let mut arguments = Arguments(launch.arguments.iter());
    let (element, entry) = (launch.unit.element, launch.entry.as_str());
    let (name, rest) = entry.split_once('_').unwrap_or((entry, ""));
    match name {
        "embed" => embed(memory, element, &mut arguments, doing)?,
        "residual" => residual(memory, element, &mut arguments, doing)?,
        "activate" => activate(memory, (element, rest), launch, (&mut arguments, doing))?,
        "gate" => gate(memory, (element, rest), launch, (&mut arguments, doing))?,
        "place" => place(memory, element, launch, (&mut arguments, doing))?,
        "attend" => attend(memory, element, launch, (&mut arguments, doing))?,
        "pool" => pool(memory, (element, rest), launch, (&mut arguments, doing))?,
        "normalise" => normalise(memory, &mut arguments, doing)?,
        "take" => take(memory, &mut arguments, doing)?,
        "add" => add(memory, &mut arguments, doing)?,
        _ => return Err(fault(0, &format!("kernel `{entry}` is not known"))),
    }
    arguments.end()
}

fn embed(memory: &mut Memory, element: Element, arguments: &mut Arguments<'_>, doing: &Doing) -> Done {
    let output = arguments.address()?;
    let mut tables = Vec::new();
    for _ in 0..3 {
        tables.push((arguments.address()?, arguments.address()?));
    }
    let scale = arguments.number()?;
    let norm = Norm::read(arguments)?;
    let (tokens, width) = (arguments.count()?, arguments.count()?);
    for token in 0..tokens {
        let mut sum = vec![0.0; width];
        for (place, &(rows, table)) in tables.iter().enumerate().filter(|(_, (_, table))| *table != 0) {
            let row = memory.integers(rows + 4 * token as u64, 1, doing)?[0];
            let row = u64::try_from(row).map_err(|_| fault(rows, "holds a negative row"))?;
            let at = table + row * (width * element.bytes()) as u64;
            let factor = if place == 0 { scale } else { 1.0 };
            let values = memory.values((element, at), width, doing)?;
            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
        }
        norm.apply(memory, &mut sum, doing)?;
        memory.put((element, at(output, token, width, element)), &sum, doing)?;
    }
    Ok(())
}

fn residual(memory: &mut Memory, element: Element, arguments: &mut Arguments<'_>, doing: &Doing) -> Done {
    let (stream, addend) = (arguments.address()?, arguments.address()?);
    let inner = Norm::read(arguments)?;
    let sum_place = arguments.address()?;
    let outer = Norm::read(arguments)?;
    let output = arguments.address()?;
    let (rows, width) = (arguments.count()?, arguments.count()?);
    for row in 0..rows {
        let place = |base: u64| (element, at(base, row, width, element));
        let mut sum = memory.values(place(addend), width, doing)?;
        inner.apply(memory, &mut sum, doing)?;
        if stream != 0 {
            let stream = memory.values(place(stream), width, doing)?;
            sum.iter_mut().zip(stream).for_each(|(sum, value)| *sum += value);
        }
        if sum_place != 0 {
            memory.put(place(sum_place), &sum, doing)?;
        }
        if output != 0 {
            outer.apply(memory, &mut sum, doing)?;
            memory.put(place(output), &sum, doing)?;
        }
    }
    Ok(())
}

fn activate(
    memory: &mut Memory,
    (element, name): (Element, &str),
    launch: &Launch,
    (arguments, doing): (&mut Arguments<'_>, &Doing),
) -> Done {
    let (values, bias, width) = (arguments.address()?, arguments.address()?, arguments.count()?);
    let function = function(name)?;
    for row in 0..launch.grid[0] as usize {
        let place = (element, at(values, row, width, element));
        let mut found = memory.values(place, width, doing)?;
        add_bias(memory, (element, bias), &mut found, doing)?;
        found.iter_mut().for_each(|value| *value = apply(function, *value));
        memory.put(place, &found, doing)?;
    }
    Ok(())
}

fn gate(
    memory: &mut Memory,
    (element, name): (Element, &str),
    launch: &Launch,
    (arguments, doing): (&mut Arguments<'_>, &Doing),
) -> Done {
    let (output, input, bias) = (arguments.address()?, arguments.address()?, arguments.address()?);
    let width = arguments.count()?;
    let function = function(name)?;
    for row in 0..launch.grid[0] as usize {
        let mut both = memory.values((element, at(input, row, 2 * width, element)), 2 * width, doing)?;
        add_bias(memory, (element, bias), &mut both, doing)?;
        let (gate, up) = both.split_at(width);
        let gated: Vec<f32> = gate.iter().zip(up).map(|(gate, up)| apply(function, *gate) * up).collect();
        memory.put((element, at(output, row, width, element)), &gated, doing)?;
    }
    Ok(())
}

fn add_bias(memory: &mut Memory, (element, bias): (Element, u64), values: &mut [f32], doing: &Doing) -> Done {
    if bias != 0 {
        let bias = memory.values((element, bias), values.len(), doing)?;
        values.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
    }
    Ok(())
}

fn place(
    memory: &mut Memory,
    element: Element,
    launch: &Launch,
    (arguments, doing): (&mut Arguments<'_>, &Doing),
) -> Done {
    let qkv = arguments.address()?;
    let (heads, shared, size) = (arguments.count()?, arguments.count()?, arguments.count()?);
    let kind = arguments.count()?;
    let mut norms = Vec::new();
    for _ in 0..2 {
        norms.push((arguments.address()?, arguments.address()?));
    }
    let epsilon = arguments.number()?;
    let (pairing, pairs) = (arguments.count()?, arguments.count()?);
    let (cosines, sines, positions) = (arguments.address()?, arguments.address()?, arguments.address()?);
    let width = (heads + 2 * shared) * size;
    for (token, head) in
        (0..launch.grid[0] as usize).flat_map(|token| (0..heads + shared).map(move |head| (token, head)))
    {
        let place = (element, at(qkv, token, width, element) + (head * size * element.bytes()) as u64);
        let mut values = memory.values(place, size, doing)?;
        let (scale, shift) = norms[usize::from(head >= heads)];
        Norm { kind, scale, shift, epsilon }.apply(memory, &mut values, doing)?;
        if pairing != 0 {
            let position = memory.integers(positions + 4 * token as u64, 1, doing)?[0];
            let first = usize::try_from(position).unwrap_or(0) * pairs;
            let turns = |table: u64| (Element::F32, table + 4 * first as u64);
            let cosines = memory.values(turns(cosines), pairs, doing)?;
            let sines = memory.values(turns(sines), pairs, doing)?;
            for pair in 0..pairs {
                let (left, right) =
                    if pairing == 1 { (pair, pairs + pair) } else { (2 * pair, 2 * pair + 1) };
                let (a, b) = (values[left], values[right]);
                values[left] = a * cosines[pair] - b * sines[pair];
                values[right] = b * cosines[pair] + a * sines[pair];
            }
        }
        memory.put(place, &values, doing)?;
    }
    Ok(())
}

fn pool(
    memory: &mut Memory,
    (element, name): (Element, &str),
    launch: &Launch,
    (arguments, doing): (&mut Arguments<'_>, &Doing),
) -> Done {
    let (output, states, spans) = (arguments.address()?, arguments.address()?, arguments.address()?);
    let (hidden, stride, column) = (arguments.count()?, arguments.count()?, arguments.count()?);
    for row in 0..launch.grid[0] as usize {
        let span = memory.integers(spans + 12 * row as u64, 3, doing)?;
        let span: Vec<usize> = span.into_iter().map(|number| usize::try_from(number).unwrap_or(0)).collect();
        let tokens = span[0]..span[1];
        let weight = |number: usize| match name {
            "weighted_mean" => (span[2] + number + 1) as f32,
            _ => 1.0,
        };
        let mut rows = Vec::new();
        for token in tokens.clone() {
            rows.push(memory.values((element, at(states, token, hidden, element)), hidden, doing)?);
        }
        let total: f32 = (0..rows.len()).map(weight).sum();
        let pooled = (0..hidden).map(|at| {
            let mut values = rows.iter().map(|row| row[at]);
            let sum = || rows.iter().enumerate().map(|(number, row)| weight(number) * row[at]).sum::<f32>();
            match name {
                _ if tokens.is_empty() => 0.0,
                "first" => values.next().unwrap_or_default(),
                "last" => values.next_back().unwrap_or_default(),
                "max" => values.fold(f32::NEG_INFINITY, f32::max),
                "mean_sqrt_length" => sum() / total.sqrt(),
                _ => sum() / total,
            }
        });
        let pooled: Vec<f32> = pooled.collect();
        let place = output + 4 * (row * stride + column) as u64;
        memory.put((Element::F32, place), &pooled, doing)?;
    }
    Ok(())
}

fn normalise(memory: &mut Memory, arguments: &mut Arguments<'_>, doing: &Doing) -> Done {
    let (values, rows, width) = (arguments.address()?, arguments.count()?, arguments.count()?);
    for row in 0..rows {
        let place = (Element::F32, at(values, row, width, Element::F32));
        let mut found = memory.values(place, width, doing)?;
        let length = found.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
        found.iter_mut().for_each(|value| *value /= length);
        memory.put(place, &found, doing)?;
    }
    Ok(())
}

fn take(memory: &mut Memory, arguments: &mut Arguments<'_>, doing: &Doing) -> Done {
    let (output, input) = (arguments.address()?, arguments.address()?);
    let scaling = arguments.count()?;
    let (rows, width, dimensions) = (arguments.count()?, arguments.count()?, arguments.count()?);
    if scaling != 0 {
        return Err(fault(input, "is scaled, which no session asks for"));
    }
    for row in 0..rows {
        let found = memory.values((Element::F32, at(input, row, width, Element::F32)), dimensions, doing)?;
        memory.put((Element::F32, at(output, row, dimensions, Element::F32)), &found, doing)?;
    }
    Ok(())
}

fn add(memory: &mut Memory, arguments: &mut Arguments<'_>, doing: &Doing) -> Done {
    let (target, addend, count) = (arguments.address()?, arguments.address()?, arguments.count()?);
    let mut sum = memory.values((Element::F32, target), count, doing)?;
    let addend = memory.values((Element::F32, addend), count, doing)?;
    sum.iter_mut().zip(addend).for_each(|(sum, value)| *sum += value);
    memory.put((Element::F32, target), &sum, doing)
}

/// Where row `row` of a matrix begins.
pub(super) const fn at(base: u64, row: usize, width: usize, element: Element) -> u64 {
    base + (row * width * element.bytes()) as u64
}

fn function(name: &str) -> Result<Activation, DriverError> {
    let name = name.rsplit_once('_').map_or(name, |(name, _form)| name);
    Ok(match name {
        "identity" => Activation::Identity,
        "gelu" => Activation::Gelu,
        "gelu_tanh" => Activation::GeluTanh,
        "relu" => Activation::Relu,
        "silu" => Activation::Silu,
        "tanh" => Activation::Tanh,
        "sigmoid" => Activation::Sigmoid,
        _ => return Err(fault(0, &format!("function `{name}` is not known"))),
    })
}

fn apply(function: Activation, x: f32) -> f32 {
    let wide = f64::from(x);
    match function {
        Activation::Gelu => (0.5 * wide * (1.0 + libm::erf(wide / std::f64::consts::SQRT_2))) as f32,
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044_715 * wide.powi(3));
            (0.5 * wide * (1.0 + inner.tanh())) as f32
        }
        Activation::Relu => x.max(0.0),
        Activation::Silu => (wide / (1.0 + (-wide).exp())) as f32,
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => (1.0 / (1.0 + (-wide).exp())) as f32,
        _ => x,
    }
}
