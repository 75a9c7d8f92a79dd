// Values from one format to another, rounded to nearest. What is too large for binary16 becomes infinite.

#define STEP 4

template <class To, class From>
__device__ __forceinline__ void convert(To* output, const From* input, i64 count) {
    i64 first = (static_cast<i64>(blockIdx.x) * 256 + threadIdx.x) * STEP;
    if (first + STEP <= count) {
        float values[STEP];
        load<STEP>(input + first, values);
        store<STEP>(output + first, values);
        return;
    }
    for (i64 index = first; index < count; index++) {
        output[index] = narrow<To>(widen(input[index]));
    }
}

#define KERNEL(FROM, From, TO, To)                                          \
    extern "C" __global__ void __launch_bounds__(256)                       \
        convert_##FROM##_##TO(To* output, const From* input, i64 count) {   \
        convert(output, input, count);                                      \
    }

KERNEL(f32, float, f16, Half)
KERNEL(f32, float, bf16, Brain)
KERNEL(f16, Half, f32, float)
KERNEL(f16, Half, bf16, Brain)
KERNEL(bf16, Brain, f32, float)
KERNEL(bf16, Brain, f16, Half)
