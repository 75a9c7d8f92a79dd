// What both attention kernels share: where things lie, and which tokens see each other.
//
// A token's row holds the queries of all heads, then the keys, then the values. A tile is some queries of one sequence;
// the host lists the tiles, so that short sequences beside long ones leave no block without work.

#define LOG2_E 1.4426950408889634f
#define MINUS_INFINITY __int_as_float(0xff800000)

// What is added to scores: nothing, minus the distance times the head's slope, or a number of head and distance.
#define TABLE_NONE 0
#define TABLE_SLOPES 1

// A tile: the sequence and the first of its queries. A sequence below 0 fills up the grid of a recorded graph.
struct Tile {
    int sequence;
    int query;
};

struct Attention {
    Element* context;
    const Element* qkv;
    const int* offsets;
    const Tile* tiles;
    int table_kind;
    // Slopes of the heads, or `2 * longest - 1` numbers for each head.
    const float* table;
    int longest;
    int heads;
    int key_value_heads;
    float scale;
    // How many tokens a token sees before and after itself. The host keeps both below 2^29, where sums do not overflow.
    int before;
    int after;

    __device__ __forceinline__ bool sees(int query, int key, int length) const {
        return key < length && key >= query - before && key <= query + after;
    }

    // What is added to the score of a pair that see each other.
    __device__ __forceinline__ float bias(int query, int key) const {
        if (table_kind == TABLE_SLOPES) {
            return -table[blockIdx.y] * static_cast<float>(abs(query - key));
        }
        if (table_kind == TABLE_NONE) {
            return 0.0f;
        }
        i64 middle = static_cast<i64>(blockIdx.y) * (2 * longest - 1) + longest - 1;
        return table[middle + key - query];
    }
};

#define ATTENTION_PARAMETERS                                                                                  \
    (Element * context, const Element* qkv, const int* offsets, const Tile* tiles, int table_kind,            \
     const float* table, int longest, int heads, int key_value_heads, int head_size, float scale, int before, \
     int after)

#define ATTENTION                                                                                    \
    Attention {                                                                                      \
        context, qkv, offsets, tiles, table_kind, table, longest, heads, key_value_heads, scale, before, after \
    }
