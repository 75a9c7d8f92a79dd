//! A forward pass: the spec walked layer by layer, each step a kernel or a product put into a stream.

use mbed_core::BackendError;

use super::part::{Bucket, InputPlaces};
use super::regions::{PRODUCT_BYTES, Regions};
use super::ways::Ways;
use crate::card::Card;
use crate::driver::{Epilogue, Operands, Product};
use crate::kernels::{
    Activate, Address, Attention, AttentionShape, Element, Embed, Gate, Indexed, Launch, LaunchError, Norm,
    Place, ResidualNorm, Rotation, RowNorm,
};
use crate::model::{Layer, Linear, Model};
use crate::owned::Lane;

/// A forward pass of one part of a batch.
pub(crate) struct Walk<'a> {
    pub(crate) card: &'a Card,
    pub(crate) model: &'a Model,
    pub(crate) lane: &'a Lane,
    pub(crate) bucket: Bucket,
    /// Where the lists that came up begin.
    pub(crate) inputs: Address,
    pub(crate) places: InputPlaces,
    pub(crate) regions: Regions,
    /// How queries are cut into tiles; none where there are no layers.
    pub(crate) shape: Option<AttentionShape>,
    /// Where vectors go, `rows × dimensions` in binary32.
    pub(crate) output: Address,
}

impl Walk<'_> {
    /// Puts all of it into the lane.
    pub(crate) fn run(&self, ways: &mut Ways) -> Result<(), BackendError> {
        self.embed(ways)?;
        self.layers(ways)?;
        self.head(ways)
    }

    fn embed(&self, ways: &mut Ways) -> Result<(), BackendError> {
        let (model, regions) = (self.model, &self.regions);
        let indexed = |table: Option<Address>, rows: Option<usize>| {
            let (table, rows) = table.zip(rows)?;
            Some(Indexed { table, rows: self.at(rows) })
        };
        let embedding = &model.spec.embedding;
        let output = if model.projection.is_some() { regions.embedded } else { regions.states };
        let embed = Embed {
            element: self.element(),
            tokens: self.bucket.tokens,
            width: embedding.width,
            table: Indexed { table: model.tokens, rows: self.at(self.places.ids) },
            segments: indexed(model.segments, self.places.types),
            positions: indexed(model.positions, self.places.position_rows),
            scale: embedding.scale,
            norm: model.embedding_norm,
            output,
        };
        self.launch(embed.launch())?;
        match &model.projection {
            Some(projection) => {
                self.linear(projection, (regions.embedded, regions.states, self.bucket.tokens), ways)
            }
            None => Ok(()),
        }
    }

    fn layers(&self, ways: &mut Ways) -> Result<(), BackendError> {
        let layers = &self.model.layers;
        let states = self.regions.states;
        let first = layers.first().and_then(|layer| layer.attention.before);
        let mut input = match first {
            Some(norm) => self.norm_input(norm)?,
            None => states,
        };
        for (index, layer) in layers.iter().enumerate() {
            self.attend(layer, input, ways)?;
            input = self.join(layer.attention, layer.feed_forward.before)?;
            self.feed_forward(layer, input, ways)?;
            let next = layers.get(index + 1).and_then(|next| next.attention.before);
            input = self.join(layer.feed_forward, next)?;
        }
        match self.model.last_norm {
            Some(norm) => self.row_norm(norm, states, states),
            None => Ok(()),
        }
    }

    /// `result` becomes what attention gives for `input`.
    fn attend(&self, layer: &Layer, input: Address, ways: &mut Ways) -> Result<(), BackendError> {
        let (regions, tokens) = (&self.regions, self.bucket.tokens);
        let spec = &self.model.spec.attention;
        self.linear(&layer.qkv, (input, regions.qkv, tokens), ways)?;
        let rotation = layer.rotation.and_then(|number| self.model.rotations.get(number));
        let rotation = rotation.zip(self.places.places).map(|(rotation, places)| Rotation {
            pairing: rotation.pairing,
            pairs: rotation.pairs,
            cosines: rotation.cosines,
            sines: rotation.sines,
            positions: self.at(places),
        });
        if rotation.is_some() || layer.query_key_norms.is_some() {
            let place = Place {
                element: self.element(),
                tokens,
                heads: spec.heads,
                key_value_heads: spec.key_value_heads,
                head_size: spec.head_size,
                qkv: regions.qkv,
                norms: layer.query_key_norms,
                rotation,
            };
            self.launch(place.launch())?;
        }
        let Some(shape) = self.shape else { return Ok(()) };
        let attention = Attention {
            shape,
            heads: spec.heads,
            key_value_heads: spec.key_value_heads,
            scale: spec.scale,
            reach: layer.reach,
            table: self.model.score_table,
            offsets: self.at(self.places.offsets),
            tiles: self.at(self.places.tiles),
            tile_count: self.bucket.tiles,
            qkv: regions.qkv,
            context: regions.context,
        };
        self.launch(attention.launch())?;
        self.linear(&layer.output, (regions.context, regions.result, tokens), ways)
    }

    /// `result` becomes what the feed-forward gives for `input`.
    fn feed_forward(&self, layer: &Layer, input: Address, ways: &mut Ways) -> Result<(), BackendError> {
        let (regions, rows) = (&self.regions, self.bucket.tokens);
        let spec = &self.model.spec.feed_forward;
        let (element, function, width) = (self.element(), spec.activation, spec.intermediate);
        // The bias of `up` comes with the activation: one pass over the values either way, and products without one are
        // found for more shapes.
        let (up, bias) = (Linear { bias: None, ..layer.up }, layer.up.bias);
        self.linear(&up, (input, regions.intermediate, rows), ways)?;
        let fed = if spec.gate.is_present() {
            let (input, output) = (regions.intermediate, regions.gated);
            self.launch(Gate { element, function, rows, width, bias, input, output }.launch())?;
            output
        } else {
            let values = regions.intermediate;
            self.launch(Activate { element, function, rows, width, bias, values }.launch())?;
            values
        };
        self.linear(&layer.down, (fed, regions.result, rows), ways)
    }

    /// Adds `result` to the states with the norms of that half, and makes what the next half is given: its norm of the
    /// states, or the states.
    fn join(&self, half: crate::model::Half, next: Option<Norm>) -> Result<Address, BackendError> {
        let regions = &self.regions;
        let (sum, outer, input) = match (half.after, next) {
            (Some(norm), _) => (None, Some((norm, regions.states)), regions.states),
            (None, Some(norm)) => (Some(regions.states), Some((norm, regions.input)), regions.input),
            (None, None) => (Some(regions.states), None, regions.states),
        };
        let join = ResidualNorm {
            element: self.element(),
            rows: self.bucket.tokens,
            width: self.model.spec.hidden,
            stream: regions.states,
            addend: regions.result,
            inner: half.inner,
            sum,
            outer,
        };
        self.launch(join.launch())?;
        // Norms stand before or after, in all layers alike, but for layers that have none at attention.
        match (half.after, next) {
            (Some(_), Some(norm)) => self.norm_input(norm),
            _ => Ok(input),
        }
    }

    fn norm_input(&self, norm: Norm) -> Result<Address, BackendError> {
        self.row_norm(norm, self.regions.states, self.regions.input)?;
        Ok(self.regions.input)
    }

    fn row_norm(&self, norm: Norm, input: Address, output: Address) -> Result<(), BackendError> {
        let (element, rows, width) = (self.element(), self.bucket.tokens, self.model.spec.hidden);
        self.launch(RowNorm { element, rows, width, norm, input, output }.launch())
    }

    /// `output = linear(input)`, so many rows.
    pub(super) fn linear(
        &self,
        linear: &Linear,
        (input, output, rows): (Address, Address, usize),
        ways: &mut Ways,
    ) -> Result<(), BackendError> {
        let epilogue = if linear.bias.is_some() { Epilogue::Bias } else { Epilogue::None };
        let (inner, outputs, numbers) = (linear.inner, linear.outputs, linear.numbers);
        let product = Product { rows, inner, outputs, numbers, epilogue };
        let operands = Operands {
            input,
            weight: linear.weight,
            bias: linear.bias,
            output,
            workspace: self.regions.products,
            workspace_bytes: PRODUCT_BYTES,
        };
        let device = &self.card.device;
        let done = ways.run(device, (&product, &operands), self.lane);
        done.map_err(|error| self.card.failures().backend(error))
    }

    pub(super) fn launch(&self, launch: Result<Launch, LaunchError>) -> Result<(), BackendError> {
        let failures = self.card.failures();
        let launch = launch.map_err(|error| failures.launch(error))?;
        let function = self.card.kernel(launch.unit, &launch.entry);
        let launched =
            function.and_then(|function| self.card.device.launch(function, &launch, self.lane.stream()));
        launched.map_err(|error| failures.backend(error))
    }

    /// The list that begins at this place.
    pub(super) const fn at(&self, place: usize) -> Address {
        self.inputs.offset(place as u64)
    }

    pub(super) const fn element(&self) -> Element {
        self.model.numbers.element()
    }
}
