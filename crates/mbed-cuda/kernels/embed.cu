// The first states: token embedding times a factor, plus embeddings of segment and position, then the norm.

template <int THREADS, int STEP>
__device__ __forceinline__ void embed_rows(
    Element* states, const int* ids, const Element* tokens_table, const int* segments, const Element* segments_table,
    const int* positions, const Element* positions_table, float factor, const Norm& norm, int tokens, int width) {
    i64 token = Row<THREADS, STEP>::number();
    if (token >= tokens) {
        return;
    }
    Row<THREADS, STEP> row(width);
    row.add(tokens_table + static_cast<i64>(ids[token]) * width, factor);
    if (segments_table != nullptr) {
        row.add(segments_table + static_cast<i64>(segments[token]) * width, 1.0f);
    }
    if (positions_table != nullptr) {
        row.add(positions_table + static_cast<i64>(positions[token]) * width, 1.0f);
    }
    row.normalise(norm);
    row.write(states + token * width);
}

ROW_KERNELS(embed,
            (Element * states, const int* ids, const Element* tokens_table, const int* segments,
             const Element* segments_table, const int* positions, const Element* positions_table, float factor,
             int kind, const float* scale, const float* shift, float epsilon, int tokens, int width),
            (states, ids, tokens_table, segments, segments_table, positions, positions_table, factor,
             Norm{kind, scale, shift, epsilon}, tokens, width))
