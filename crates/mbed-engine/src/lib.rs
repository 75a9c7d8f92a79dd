//! From texts to vectors in order: windows, batches by token budget, overlap, bounded memory.
