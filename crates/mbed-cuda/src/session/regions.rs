//! Where in the workspace the values of a forward pass lie.

use mbed_core::spec::EncoderSpec;

use super::part::Bucket;
use crate::arena::aligned;
use crate::driver::Numbers;
use crate::kernels::Address;

/// Room for parts of sums that products may use: what the library's own documentation recommends for the newest cards.
pub(crate) const PRODUCT_BYTES: usize = 32 << 20;

/// Where the values of a forward pass begin. Those that never live at the same time share a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Regions {
    /// `tokens × hidden`: the states
    pub(crate) states: Address,
    /// `tokens × hidden`: what a part of a layer is given, where that is not the states
    pub(crate) input: Address,
    /// `tokens × hidden`: what a part of a layer gives
    pub(crate) result: Address,
    /// `tokens × width`: embeddings before their projection
    pub(crate) embedded: Address,
    /// `tokens × (queries, keys and values)`
    pub(crate) qkv: Address,
    /// `tokens × (heads · head size)`
    pub(crate) context: Address,
    /// `tokens × intermediate`, twice where there is a gate
    pub(crate) intermediate: Address,
    /// `tokens × intermediate`
    pub(crate) gated: Address,
    /// `rows × widest`, in binary32: two that the head's stages take turns in, and one for what they add
    pub(crate) vectors: [Address; 3],
    /// [`PRODUCT_BYTES`]
    pub(crate) products: Address,
}

/// The sizes of regions in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    states: usize,
    input: usize,
    embedded: usize,
    qkv: usize,
    context: usize,
    intermediate: usize,
    gated: usize,
    vectors: usize,
}

impl Regions {
    /// The regions of a workspace that begins at `start`.
    pub(crate) fn new(start: Address, (spec, numbers): (&EncoderSpec, Numbers), bucket: Bucket) -> Self {
        let sizes = Sizes::new(spec, numbers, bucket);
        let mut next = 0;
        let mut place = |bytes: usize| {
            let address = start.offset(next as u64);
            next += bytes;
            address
        };
        let (states, input, result) = (place(sizes.states), place(sizes.input), place(sizes.states));
        let products = place(PRODUCT_BYTES);
        // Embeddings are done with before layers begin, attention before feed-forward, and layers before the head.
        let shared = next;
        let at = |bytes: usize| start.offset((shared + bytes) as u64);
        Self {
            states,
            input,
            result,
            products,
            embedded: at(0),
            qkv: at(0),
            context: at(sizes.qkv),
            intermediate: at(0),
            gated: at(sizes.intermediate),
            vectors: [at(0), at(sizes.vectors), at(2 * sizes.vectors)],
        }
    }

    /// How large a workspace has to be.
    pub(crate) fn bytes(spec: &EncoderSpec, numbers: Numbers, bucket: Bucket) -> usize {
        let sizes = Sizes::new(spec, numbers, bucket);
        let attention = sizes.qkv + sizes.context;
        let feed_forward = sizes.intermediate + sizes.gated;
        let shared = sizes.embedded.max(attention).max(feed_forward).max(3 * sizes.vectors);
        2 * sizes.states + sizes.input + PRODUCT_BYTES + shared
    }
}

impl Sizes {
    fn new(spec: &EncoderSpec, numbers: Numbers, bucket: Bucket) -> Self {
        use mbed_core::spec::NormPlacement;
        let each = numbers.element().bytes();
        let by_token = |width: usize| aligned(bucket.tokens.saturating_mul(width).saturating_mul(each));
        let has_layers = usize::from(!spec.layers.is_empty());
        let in_layers = |width: usize| by_token(width * has_layers);
        let (attention, feed_forward) = (&spec.attention, &spec.feed_forward);
        let has_gate = feed_forward.gate.is_present();
        let needs_input = spec.norm.placement != NormPlacement::After;
        Self {
            states: by_token(spec.hidden),
            input: if needs_input { in_layers(spec.hidden) } else { 0 },
            embedded: if spec.embedding.projection.is_some() { by_token(spec.embedding.width) } else { 0 },
            qkv: in_layers(attention.width() + 2 * attention.key_value_width()),
            context: in_layers(attention.width()),
            intermediate: in_layers(feed_forward.intermediate * if has_gate { 2 } else { 1 }),
            gated: if has_gate { in_layers(feed_forward.intermediate) } else { 0 },
            vectors: aligned(bucket.rows.saturating_mul(widest(spec)).saturating_mul(size_of::<f32>())),
        }
    }
}

/// The longest vector that the head has at any step.
fn widest(spec: &EncoderSpec) -> usize {
    use mbed_core::spec::HeadStage;
    let pooled = spec.hidden * spec.head.pooling.len();
    let outputs = spec.head.stages.iter().map(|stage| match stage {
        HeadStage::Dense { output, .. } => *output,
        _ => 0,
    });
    outputs.fold(pooled, usize::max)
}
