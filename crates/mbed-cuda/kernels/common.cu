// What every kernel shares: number formats and vectors of them.
//
// No include files: NVRTC brings none of its own before CUDA 13.3, and where a toolkit lies is not known. What is used
// of cuda_fp16.h and cuda_bf16.h is these few conversions. One of ELEMENT_F32, ELEMENT_F16 and ELEMENT_BF16 is defined
// and says what `Element` is, the format of activations, tables and linear weights.

typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;

// An IEEE 754 binary16.
struct Half {
    u16 bits;
};

// A bfloat16.
struct Brain {
    u16 bits;
};

#if defined(ELEMENT_F16)
typedef Half Element;
#elif defined(ELEMENT_BF16)
typedef Brain Element;
#else
typedef float Element;
#endif

// Several values that are read and written in one instruction; they begin at a multiple of their size.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
    T items[N];
};

// So many values fill the 16 bytes that one instruction reads at most.
template <class T>
struct Widest {
    static constexpr int COUNT = 16 / sizeof(T);
};

static __device__ __forceinline__ float widen(float value) {
    return value;
}

static __device__ __forceinline__ float widen(Half value) {
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
    return wide;
}

static __device__ __forceinline__ float widen(Brain value) {
    return __uint_as_float(static_cast<u32>(value.bits) << 16);
}

template <class T>
__device__ __forceinline__ T narrow(float value);

template <>
__device__ __forceinline__ float narrow<float>(float value) {
    return value;
}

template <>
__device__ __forceinline__ Half narrow<Half>(float value) {
    Half half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half.bits) : "f"(value));
    return half;
}

template <>
__device__ __forceinline__ Brain narrow<Brain>(float value) {
    Brain brain;
#if __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(brain.bits) : "f"(value));
#else
    // Turing has no such instruction: to nearest, ties to even, by hand. What is not a number stays none.
    u32 bits = __float_as_uint(value);
    u32 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    brain.bits = static_cast<u16>(value != value ? 0x7fffu : rounded);
#endif
    return brain;
}

// `N` values from `place`, which is aligned to all of them together.
template <int N, class T>
__device__ __forceinline__ void load(const T* place, float (&values)[N]) {
    Pack<T, N> pack = *reinterpret_cast<const Pack<T, N>*>(place);
#pragma unroll
    for (int i = 0; i < N; i++) {
        values[i] = widen(pack.items[i]);
    }
}

// The reverse of `load`.
template <int N, class T>
__device__ __forceinline__ void store(T* place, const float (&values)[N]) {
    Pack<T, N> pack;
#pragma unroll
    for (int i = 0; i < N; i++) {
        pack.items[i] = narrow<T>(values[i]);
    }
    *reinterpret_cast<Pack<T, N>*>(place) = pack;
}

// The sum over the 32 threads of a warp, the same bits in each: at every step two threads add the same two numbers.
static __device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    }
    return value;
}
