// Norms of rows, together with the sums around them.

// `sum = stream + inner(addend)` and `output = outer(sum)`; each of the two is written where it has a place, and without
// a stream the sum is the other part alone. A row is read whole before it is written, so that places may be the same.
template <int THREADS, int STEP>
__device__ __forceinline__ void residual_rows(const Element* stream, const Element* addend, const Norm& inner,
                                              Element* sum, const Norm& outer, Element* output, int rows, int width) {
    i64 number = Row<THREADS, STEP>::number();
    if (number >= rows) {
        return;
    }
    Row<THREADS, STEP> row(width);
    row.add(addend + number * width, 1.0f);
    row.normalise(inner);
    if (stream != nullptr) {
        row.add(stream + number * width, 1.0f);
    }
    if (sum != nullptr) {
        row.write(sum + number * width);
    }
    if (output != nullptr) {
        row.normalise(outer);
        row.write(output + number * width);
    }
}

ROW_KERNELS(residual,
            (const Element* stream, const Element* addend, int inner_kind, const float* inner_scale,
             const float* inner_shift, float inner_epsilon, Element* sum, int outer_kind, const float* outer_scale,
             const float* outer_shift, float outer_epsilon, Element* output, int rows, int width),
            (stream, addend, Norm{inner_kind, inner_scale, inner_shift, inner_epsilon}, sum,
             Norm{outer_kind, outer_scale, outer_shift, outer_epsilon}, output, rows, width))
