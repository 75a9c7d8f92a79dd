//! Launches of every kernel there is.

use mbed_core::spec::{Activation, NormKind, Pooling, Reach};
use mbed_cuda::kernels::{
    Activate, Add, Address, Attention, AttentionShape, Convert, Element, Embed, Gate, Indexed, Launch,
    LaunchError, Norm, Normalize, Place, Pool, ResidualNorm, RowNorm, Scaling, ScoreTable, Take,
};

/// Some place, aligned to everything.
const PLACE: Address = Address::new(4096);

const NORM: Norm = Norm { kind: NormKind::Layer, scale: PLACE, shift: None, epsilon: 1e-5 };

/// A launch of each kernel in each format, some of them several times.
pub(crate) fn all() -> Result<Vec<Launch>, LaunchError> {
    let per_element = Element::ALL.into_iter().flat_map(|element| {
        [rows(element), functions(element), attention(element), pooling(element), vec![place(element)]]
            .concat()
    });
    let launches = per_element.chain(head()).chain(conversions());
    launches.collect()
}

/// One width for each form of a kernel over rows.
fn rows(element: Element) -> Vec<Result<Launch, LaunchError>> {
    let table = Indexed { table: PLACE, rows: PLACE };
    let launches = [384, 4096, 33, 1023].into_iter().flat_map(|width| {
        let embed = Embed {
            element,
            tokens: 7,
            width,
            table,
            scale: 1.0,
            segments: None,
            positions: Some(table),
            norm: Some(NORM),
            output: PLACE,
        };
        let norm = RowNorm { element, rows: 7, width, norm: NORM, input: PLACE, output: PLACE };
        let residual = ResidualNorm {
            element,
            rows: 7,
            width,
            stream: PLACE,
            addend: PLACE,
            inner: None,
            sum: Some(PLACE),
            outer: Some((NORM, PLACE)),
        };
        [embed.launch(), norm.launch(), residual.launch()]
    });
    launches.collect()
}

fn functions(element: Element) -> Vec<Result<Launch, LaunchError>> {
    let functions = [
        Activation::Identity,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::Silu,
        Activation::Tanh,
        Activation::Sigmoid,
    ];
    let shapes = functions.into_iter().flat_map(|function| [(function, 1536), (function, 33)]);
    let launches = shapes.flat_map(|(function, width)| {
        let activate = Activate { element, function, rows: 7, width, bias: None, values: PLACE };
        let gate = Gate { element, function, rows: 7, width, bias: None, input: PLACE, output: PLACE };
        [activate.launch(), gate.launch()]
    });
    launches.collect()
}

fn attention(element: Element) -> Vec<Result<Launch, LaunchError>> {
    let sizes = AttentionShape::TILED.into_iter().chain([40, 256]);
    let shapes = sizes.flat_map(|head_size| [(head_size, 16), (head_size, 512)]);
    let tables =
        [ScoreTable::None, ScoreTable::Slopes(PLACE), ScoreTable::Distances { values: PLACE, longest: 512 }];
    let launches = shapes.flat_map(|shape| tables.map(|table| (shape, table)));
    let launches = launches.map(|((head_size, longest), table)| {
        Attention {
            shape: AttentionShape::choose(element, head_size, longest)?,
            heads: 12,
            key_value_heads: 4,
            scale: 0.125,
            reach: Reach::CAUSAL,
            table,
            offsets: PLACE,
            tiles: PLACE,
            tile_count: 3,
            qkv: PLACE,
            context: PLACE,
        }
        .launch()
    });
    launches.collect()
}

fn place(element: Element) -> Result<Launch, LaunchError> {
    Place {
        element,
        tokens: 7,
        heads: 12,
        key_value_heads: 4,
        head_size: 64,
        qkv: PLACE,
        norms: Some([NORM; 2]),
        rotation: None,
    }
    .launch()
}

fn pooling(element: Element) -> Vec<Result<Launch, LaunchError>> {
    let launches = Pooling::ALL.map(|pooling| {
        let (states, spans, output) = (PLACE, PLACE, PLACE);
        let pool = Pool {
            element,
            pooling,
            rows: 3,
            hidden: 384,
            states,
            spans,
            output,
            output_stride: 384,
            column: 0,
        };
        pool.launch()
    });
    launches.to_vec()
}

fn head() -> Vec<Result<Launch, LaunchError>> {
    let take = |output_element| Take {
        rows: 3,
        width: 384,
        dimensions: 256,
        scaling: Scaling::UnitLength,
        input: PLACE,
        output: PLACE,
        output_element,
    };
    let mut launches = Element::ALL.map(|element| take(element).launch()).to_vec();
    launches.push(Normalize { rows: 3, width: 384, values: PLACE }.launch());
    launches.push(Add { count: 3 * 384, target: PLACE, addend: PLACE }.launch());
    launches
}

fn conversions() -> Vec<Result<Launch, LaunchError>> {
    let pairs = Element::ALL.into_iter().flat_map(|from| Element::ALL.map(|to| (from, to)));
    let different = pairs.filter(|(from, to)| from != to);
    different.map(|(from, to)| Convert { from, to, count: 9, input: PLACE, output: PLACE }.launch()).collect()
}
