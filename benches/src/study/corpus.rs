//! Passages and queries for a test of retrieval, made of common words.

use crate::random::Random;
use crate::workload::Writer;

/// Words that make a passage's subject.
const SUBJECT: usize = 12;

/// Words of a query that come from its passage's subject, and those that do not.
const QUERY: (usize, usize) = (5, 3);

/// Passages, and queries of which number `i` asks for passage `i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Corpus {
    pub(crate) passages: Vec<String>,
    pub(crate) queries: Vec<String>,
}

impl Corpus {
    /// The same on every machine.
    pub(crate) fn new(passages: usize, queries: usize) -> Self {
        let mut writer = Writer::new(Random::of("retrieval"));
        let mut corpus = Self { passages: Vec::new(), queries: Vec::new() };
        for number in 0..passages {
            let subject: Vec<&str> = (0..SUBJECT).map(|_| writer.content_word()).collect();
            let mut sentences = Vec::new();
            for part in subject.chunks(3) {
                sentences.push(format!("{} {}.", part.join(" "), writer.words(6)));
            }
            corpus.passages.push(sentences.join(" "));
            if number < queries {
                let (own, other) = QUERY;
                let asked = subject.iter().step_by(2).take(own).copied();
                let mut words: Vec<&str> = asked.collect();
                words.extend((0..other).map(|_| writer.content_word()));
                corpus.queries.push(words.join(" "));
            }
        }
        corpus
    }
}

/// The numbers of the `count` passages nearest to a query, the nearest first.
pub(crate) fn nearest(query: &[f32], passages: &[Vec<f32>], count: usize) -> Vec<usize> {
    let mut scored: Vec<(f64, usize)> =
        passages.iter().enumerate().map(|(number, passage)| (cosine(query, passage), number)).collect();
    scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    scored.into_iter().take(count).map(|(_, number)| number).collect()
}

/// The cosine of the angle between two vectors, 0 where one has no length.
pub(crate) fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let lengths = (dot(left, left) * dot(right, right)).sqrt();
    if lengths > 0.0 { dot(left, right) / lengths } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_shares_words_with_its_passage() {
        let corpus = Corpus::new(20, 5);
        assert_eq!(corpus, Corpus::new(20, 5));
        assert_eq!((corpus.passages.len(), corpus.queries.len()), (20, 5));
        for (query, passage) in corpus.queries.iter().zip(&corpus.passages) {
            let shared = query.split(' ').filter(|word| passage.contains(word)).count();
            assert!(shared >= QUERY.0, "{query}");
        }
    }

    #[test]
    fn the_nearest_come_first() {
        let passages = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![3.0, 3.0], vec![0.0, 0.0]];
        assert_eq!(nearest(&[2.0, 0.1], &passages, 3), [0, 2, 1]);
        assert!((cosine(&[1.0, 0.0], &[3.0, 3.0]) - 0.5_f64.sqrt()).abs() < 1e-9);
    }
}
