// Functions of single values, with the bias before them, and the products that gates make.

struct Identity {
    static __device__ __forceinline__ float of(float x) { return x; }
};

struct Gelu {
    static __device__ __forceinline__ float of(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }
};

struct GeluTanh {
    static __device__ __forceinline__ float of(float x) {
        return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
    }
};

struct Relu {
    static __device__ __forceinline__ float of(float x) { return fmaxf(x, 0.0f); }
};

struct Silu {
    static __device__ __forceinline__ float of(float x) { return x / (1.0f + expf(-x)); }
};

struct Tanh {
    static __device__ __forceinline__ float of(float x) { return tanhf(x); }
};

struct Sigmoid {
    static __device__ __forceinline__ float of(float x) { return 1.0f / (1.0f + expf(-x)); }
};

// The first of the columns that this thread works on; blocks go down the rows first, for a grid is long in x alone.
template <int STEP>
__device__ __forceinline__ int own_column() {
    return (blockIdx.y * blockDim.x + threadIdx.x) * STEP;
}

template <int STEP>
__device__ __forceinline__ void add_bias(const Element* bias, int column, float (&values)[STEP]) {
    if (bias == nullptr) {
        return;
    }
    float added[STEP];
    load<STEP>(bias + column, added);
#pragma unroll
    for (int i = 0; i < STEP; i++) {
        values[i] += added[i];
    }
}

// `values = F(values + bias)`
template <class F, int STEP>
__device__ __forceinline__ void activate(Element* values, const Element* bias, int width) {
    int column = own_column<STEP>();
    if (column >= width) {
        return;
    }
    Element* place = values + static_cast<i64>(blockIdx.x) * width + column;
    float held[STEP];
    load<STEP>(place, held);
    add_bias(bias, column, held);
#pragma unroll
    for (int i = 0; i < STEP; i++) {
        held[i] = F::of(held[i]);
    }
    store<STEP>(place, held);
}

// `output = F(gate + bias) * (up + bias)`, where a row of `input` holds `width` values of the gate and then as many
// others, and `bias` as well.
template <class F, int STEP>
__device__ __forceinline__ void gate(Element* output, const Element* input, const Element* bias, int width) {
    int column = own_column<STEP>();
    if (column >= width) {
        return;
    }
    i64 row = blockIdx.x;
    float gates[STEP];
    float ups[STEP];
    load<STEP>(input + 2 * row * width + column, gates);
    load<STEP>(input + (2 * row + 1) * width + column, ups);
    add_bias(bias, column, gates);
    add_bias(bias, width + column, ups);
#pragma unroll
    for (int i = 0; i < STEP; i++) {
        ups[i] *= F::of(gates[i]);
    }
    store<STEP>(output + row * width + column, ups);
}

#define BOUNDS extern "C" __global__ void __launch_bounds__(128)
#define STEP_WIDE Widest<Element>::COUNT

#define KERNELS(NAME, F)                                                                                      \
    BOUNDS activate_##NAME##_wide(Element* values, const Element* bias, int width) {                          \
        activate<F, STEP_WIDE>(values, bias, width);                                                          \
    }                                                                                                         \
    BOUNDS activate_##NAME##_one(Element* values, const Element* bias, int width) {                           \
        activate<F, 1>(values, bias, width);                                                                  \
    }                                                                                                         \
    BOUNDS gate_##NAME##_wide(Element* output, const Element* input, const Element* bias, int width) {        \
        gate<F, STEP_WIDE>(output, input, bias, width);                                                       \
    }                                                                                                         \
    BOUNDS gate_##NAME##_one(Element* output, const Element* input, const Element* bias, int width) {         \
        gate<F, 1>(output, input, bias, width);                                                               \
    }

KERNELS(identity, Identity)
KERNELS(gelu, Gelu)
KERNELS(gelu_tanh, GeluTanh)
KERNELS(relu, Relu)
KERNELS(silu, Silu)
KERNELS(tanh, Tanh)
KERNELS(sigmoid, Sigmoid)
