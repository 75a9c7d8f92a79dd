//! NomicBERT, in the two forms of its `config.json`: that of the model's own code (`n_embd`, ...), and that of
//! transformers 5 (`hidden_size`, ...). The tensors have the same names in both.

use mbed_core::spec::{
    Activation, AttentionSpec, Bias, EmbeddingSpec, EncoderSpec, FeedForwardSpec, HeadSpec, LayerSpec,
    LayerTensor, NormSpec, Part, PositionSpec, Presence, RotaryPairing, RotarySpec, TensorName,
};

use super::ConfigFile;
use super::families::Family;
use super::names::{Place, at, of_qkv};
use super::rotary;
use crate::ModelError;

pub(super) const FAMILY: Family =
    Family { model_types: &["nomic_bert"], claims: |_| true, spec, places, prefixes: &["", "bert."] };

fn spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    if config.has("n_embd") { own_spec(config, head) } else { library_spec(config, head) }
}

/// The form of the model's own code, which has switches for other models than those that were published.
fn own_spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    for switch in ["prenorm", "use_rms_norm", "causal", "parallel_block", "scale_attn_by_inverse_layer_idx"] {
        config.only(switch, "false")?;
    }
    // Scaling by the length of each batch would make a vector depend on its neighbours.
    for scaling in ["rotary_emb_scale_base", "rotary_scaling_factor"] {
        config.only(scaling, "null")?;
    }
    config.only("moe_every_n_layers", "0")?;
    let (hidden, heads) = (config.size("n_embd")?, config.size("n_head")?);
    if hidden % heads != 0 {
        return Err(config.refuse("n_head", "a divisor of `n_embd`"));
    }
    let head_size = hidden / heads;
    let share = config.positive("rotary_emb_fraction", 1.0)?.min(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a head's size")]
    let rotated = (head_size as f64 * share) as usize;
    let pairing = match config.is_on("rotary_emb_interleaved") {
        true => RotaryPairing::Neighbours,
        false => RotaryPairing::Halves,
    };
    let rotary = RotarySpec::new(config.positive("rotary_emb_base", 1000.0)?, rotated, pairing);
    let (activation, gate) = match config.text_or("activation_function", "gelu")? {
        "swiglu" => (Activation::Silu, Presence::Present),
        "geglu" => (Activation::Gelu, Presence::Present),
        "glu" => (Activation::Sigmoid, Presence::Present),
        _ => (config.activation("activation_function", "gelu")?, Presence::Absent),
    };
    let bias = config.bias("qkv_proj_bias", Bias::Added);
    let stated = config.optional_size("n_inner")?.unwrap_or(4 * hidden);
    // The model's own code rounds the size of gated products up.
    let intermediate = if gate.is_present() { stated.next_multiple_of(256) } else { stated };
    Ok(EncoderSpec {
        family: "nomic_bert".to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: embedding(config, hidden)?,
        position: PositionSpec::NotAdded { max_tokens: config.size("n_positions")? },
        attention: AttentionSpec {
            input_bias: bias,
            output_bias: bias,
            ..AttentionSpec::plain(heads, head_size)
        },
        feed_forward: FeedForwardSpec {
            intermediate,
            activation,
            gate,
            input_bias: config.bias("mlp_fc1_bias", Bias::Added),
            output_bias: config.bias("mlp_fc2_bias", Bias::Added),
        },
        norm: NormSpec::after(config.epsilon("layer_norm_epsilon", 1e-5)?),
        layers: vec![rotated_layer(rotary.into()); config.layers("n_layer")?],
        head,
    })
}

/// The form of transformers 5, which knows the published models only: no biases, SwiGLU, norms after the sums.
fn library_spec(config: &ConfigFile, head: HeadSpec) -> Result<EncoderSpec, ModelError> {
    let (hidden, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let head_size = config.head_size(hidden, heads)?;
    Ok(EncoderSpec {
        family: "nomic_bert".to_owned(),
        vocabulary: config.size("vocab_size")?,
        hidden,
        embedding: embedding(config, hidden)?,
        position: PositionSpec::NotAdded { max_tokens: config.size("max_position_embeddings")? },
        attention: AttentionSpec {
            input_bias: Bias::Absent,
            output_bias: Bias::Absent,
            ..AttentionSpec::plain(heads, head_size)
        },
        feed_forward: FeedForwardSpec {
            intermediate: config.size("intermediate_size")?,
            activation: config.activation("hidden_act", "silu")?,
            gate: Presence::Present,
            input_bias: Bias::Absent,
            output_bias: Bias::Absent,
        },
        norm: NormSpec::after(config.epsilon("layer_norm_eps", 1e-12)?),
        layers: vec![
            rotated_layer(rotary::read(config, head_size, 1000.0)?);
            config.layers("num_hidden_layers")?
        ],
        head,
    })
}

fn embedding(config: &ConfigFile, hidden: usize) -> Result<EmbeddingSpec, ModelError> {
    let segments = config.optional_number("type_vocab_size")?.unwrap_or(2);
    Ok(EmbeddingSpec { segments, norm: Presence::Present, ..EmbeddingSpec::plain(hidden) })
}

fn rotated_layer(rotary: std::sync::Arc<RotarySpec>) -> LayerSpec {
    LayerSpec { rotary: Some(rotary), ..LayerSpec::PLAIN }
}

fn places(name: TensorName, spec: &EncoderSpec) -> Vec<Place> {
    match name {
        TensorName::TokenEmbedding => at("embeddings.word_embeddings.weight"),
        TensorName::SegmentEmbedding => at("embeddings.token_type_embeddings.weight"),
        TensorName::EmbeddingNorm(part) => at(format!("emb_ln.{part}")),
        TensorName::Layer(layer, tensor, part) => layer_places(layer, tensor, part, spec),
        _ => Vec::new(),
    }
}

fn layer_places(layer: usize, tensor: LayerTensor, part: Part, spec: &EncoderSpec) -> Vec<Place> {
    let is_gated = spec.feed_forward.gate.is_present();
    let place = match tensor {
        LayerTensor::Query | LayerTensor::Key | LayerTensor::Value => {
            let name = format!("encoder.layers.{layer}.attn.Wqkv.{part}");
            return of_qkv(name, tensor, &spec.attention);
        }
        LayerTensor::AttentionOutput => "attn.out_proj",
        LayerTensor::AttentionNorm => "norm1",
        LayerTensor::Up if is_gated => "mlp.fc11",
        LayerTensor::Up => "mlp.fc1",
        LayerTensor::Gate => "mlp.fc12",
        LayerTensor::Down => "mlp.fc2",
        LayerTensor::FeedForwardNorm => "norm2",
        _ => return Vec::new(),
    };
    at(format!("encoder.layers.{layer}.{place}.{part}"))
}
