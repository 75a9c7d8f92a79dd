//! From a spec and weights to a model on a device.

use std::sync::{Arc, Weak};

use mbed_core::spec::{
    EncoderSpec, PositionSpec, Presence, RotaryPairing, RotarySpec, ScoreBias, TensorName, alibi_slopes,
    relative_bucket,
};
use mbed_core::{BackendError, Weights};

use super::layers::{Layer, Linear, Source, Stage};
use super::upload::Uploader;
use crate::arena::{Block, aligned};
use crate::card::Card;
use crate::driver::{HostMemory, Numbers};
use crate::failure::unsupported;
use crate::kernels::{Address, Element, Norm, ScoreTable};
use crate::owned::Lane;

/// A model on a device, shared by the sessions that have it open.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) spec: EncoderSpec,
    pub(crate) numbers: Numbers,
    pub(crate) tokens: Address,
    pub(crate) segments: Option<Address>,
    pub(crate) positions: Option<Address>,
    pub(crate) embedding_norm: Option<Norm>,
    pub(crate) projection: Option<Linear>,
    pub(crate) rotations: Vec<Rotation>,
    pub(crate) score_table: ScoreTable,
    pub(crate) layers: Vec<Layer>,
    pub(crate) last_norm: Option<Norm>,
    pub(crate) stages: Vec<Stage>,
    /// What it was made of, to tell it from others.
    weights: Weak<Weights>,
    block: Block,
    /// The block goes back on it, so it is dropped after it.
    _lane: Arc<Lane>,
}

/// Cosines and sines of the angles at each position, `positions × pairs`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    pub(crate) pairing: RotaryPairing,
    pub(crate) pairs: usize,
    pub(crate) cosines: Address,
    pub(crate) sines: Address,
}

/// How weights become a model on a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadOptions {
    pub(crate) numbers: Numbers,
    /// The memory that they are copied out of.
    pub(crate) staging: HostMemory,
}

impl Model {
    /// Converts the weights and copies them to the device.
    pub(crate) fn load(
        card: &Card,
        (spec, weights): (&EncoderSpec, &Arc<Weights>),
        options: LoadOptions,
    ) -> Result<Self, BackendError> {
        spec.check(weights)?;
        let numbers = options.numbers;
        let lane = Lane::new(&card.device).map(Arc::new);
        let lane = lane.map_err(|error| card.failures().backend(error))?;
        let uploader = Uploader::new(card, &lane, bytes(spec, numbers), options.staging)?;
        let mut source = Source { spec, weights, numbers, uploader };
        let element = numbers.element();
        let (rotations, layers) = layers(&mut source)?;
        let score_table = if layers.is_empty() { ScoreTable::None } else { score_table(&mut source)? };
        let has_segments = spec.embedding.segments > 0;
        let has_positions = matches!(spec.position, PositionSpec::Learned { .. });
        let optional = |source: &mut Source<'_, '_>, is_there: bool, name| {
            is_there.then(|| source.put(element, name)).transpose()
        };
        let norm = |source: &mut Source<'_, '_>, presence: Presence, name: fn(_) -> TensorName| {
            presence.is_present().then(|| source.norm(&spec.norm, name)).transpose()
        };
        let projection = match spec.embedding.projection {
            Some(bias) => {
                let names = [TensorName::EmbeddingProjection];
                Some(source.linear(&names, (spec.embedding.width, bias))?)
            }
            None => None,
        };
        let stages = spec.head.stages.iter().enumerate().map(|(index, stage)| source.stage(index, stage));
        let stages = stages.collect::<Result<_, _>>()?;
        let tokens = source.put(element, TensorName::TokenEmbedding)?;
        let segments = optional(&mut source, has_segments, TensorName::SegmentEmbedding)?;
        let positions = optional(&mut source, has_positions, TensorName::PositionEmbedding)?;
        let embedding_norm = norm(&mut source, spec.embedding.norm, TensorName::EmbeddingNorm)?;
        let last_norm = norm(&mut source, spec.norm.last, TensorName::LastNorm)?;
        let block = source.uploader.finish()?;
        Ok(Self {
            numbers,
            tokens,
            segments,
            positions,
            embedding_norm,
            projection,
            rotations,
            score_table,
            layers,
            last_norm,
            stages,
            spec: spec.clone(),
            weights: Arc::downgrade(weights),
            block,
            _lane: Arc::clone(&lane),
        })
    }

    /// Whether it is these weights in these numbers.
    pub(crate) fn is(&self, (spec, weights): (&EncoderSpec, &Arc<Weights>), numbers: Numbers) -> bool {
        // The weights of a dropped model may lie where those of another lie now.
        let same = self.weights.upgrade().is_some_and(|own| Arc::ptr_eq(&own, weights));
        same && self.numbers == numbers && self.spec == *spec
    }

    /// What it takes on the device.
    pub(crate) const fn bytes(&self) -> usize {
        self.block.bytes()
    }
}

/// At least what all tensors and tables take on the device.
fn bytes(spec: &EncoderSpec, numbers: Numbers) -> usize {
    let size = |elements: usize, each: usize| aligned(elements.saturating_mul(each));
    let elements = |shape: &[usize]| shape.iter().product::<usize>();
    let encoder = spec.encoder_tensors().into_iter().map(|(_, shape)| {
        let each = if shape.len() > 1 { numbers.element().bytes() } else { size_of::<f32>() };
        size(elements(&shape), each)
    });
    let head = spec.head_tensors().into_iter().map(|(_, shape)| size(elements(&shape), size_of::<f32>()));
    let positions = spec.position.max_tokens();
    let rotations = distinct(spec)
        .into_iter()
        .map(|rotary| 2 * size(positions.saturating_mul(rotary.frequencies.len()), size_of::<f32>()));
    let scores = match spec.attention.score_bias {
        ScoreBias::None => 0,
        ScoreBias::Alibi => spec.attention.heads,
        _ => spec.attention.heads.saturating_mul(positions.saturating_mul(2)),
    };
    let scores = size(scores, size_of::<f32>());
    encoder.chain(head).chain(rotations).fold(scores, usize::saturating_add)
}

/// The rotations of the layers, each once.
fn distinct(spec: &EncoderSpec) -> Vec<&Arc<RotarySpec>> {
    let mut found: Vec<&Arc<RotarySpec>> = Vec::new();
    for rotary in spec.layers.iter().filter_map(|layer| layer.rotary.as_ref()) {
        if !found.contains(&rotary) {
            found.push(rotary);
        }
    }
    found
}

fn layers(source: &mut Source<'_, '_>) -> Result<(Vec<Rotation>, Vec<Layer>), BackendError> {
    let spec = source.spec;
    let known = distinct(spec);
    let mut rotations = Vec::with_capacity(known.len());
    for rotary in &known {
        rotations.push(rotation(source, rotary)?);
    }
    let number = |rotary: &Arc<RotarySpec>| known.iter().position(|&known| known == rotary);
    let mut layers = Vec::with_capacity(spec.layers.len());
    for (index, layer) in spec.layers.iter().enumerate() {
        layers.push(source.layer(index, layer.rotary.as_ref().and_then(number))?);
    }
    Ok((rotations, layers))
}

fn rotation(source: &mut Source<'_, '_>, rotary: &RotarySpec) -> Result<Rotation, BackendError> {
    if rotary.size() > source.spec.attention.head_size {
        return Err(unsupported("it rotates more values than a head has"));
    }
    let positions = 0..source.spec.position.max_tokens();
    let (cosines, sines): (Vec<f32>, Vec<f32>) =
        positions.flat_map(|position| rotary.turns(position)).unzip();
    Ok(Rotation {
        pairing: rotary.pairing,
        pairs: rotary.frequencies.len(),
        cosines: source.uploader.put(Element::F32, &cosines)?,
        sines: source.uploader.put(Element::F32, &sines)?,
    })
}

/// What is added to scores: by head and distance from the query to the key, or by head.
fn score_table(source: &mut Source<'_, '_>) -> Result<ScoreTable, BackendError> {
    let spec = source.spec;
    let heads = spec.attention.heads;
    match spec.attention.score_bias {
        ScoreBias::None => Ok(ScoreTable::None),
        ScoreBias::Alibi => Ok(ScoreTable::Slopes(source.uploader.put(Element::F32, &alibi_slopes(heads))?)),
        ScoreBias::Buckets { buckets, max_distance } => {
            let learned = source.weights.get(TensorName::ScoreBias)?.to_f32();
            let longest = spec.position.max_tokens().max(1);
            let distances = 0..2 * longest - 1;
            let values: Vec<f32> = (0..heads)
                .flat_map(|head| distances.clone().map(move |place| (head, place)))
                .map(|(head, place)| {
                    let (query, key) =
                        ((longest - 1).saturating_sub(place), place.saturating_sub(longest - 1));
                    let bucket = relative_bucket(query, key, buckets, max_distance);
                    learned.get(bucket * heads + head).copied().unwrap_or_default()
                })
                .collect();
            let values = source.uploader.put(Element::F32, &values)?;
            Ok(ScoreTable::Distances { values, longest })
        }
        _ => Err(unsupported("it does not know what this model adds to scores")),
    }
}
