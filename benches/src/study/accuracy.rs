//! How close vectors are to those of the reference, and what that does to what people use them for.

use std::fs;
use std::path::{Path, PathBuf};

use super::corpus::{Corpus, cosine, nearest};
use crate::BenchError;
use crate::measure::Bench;
use crate::rows::{Accuracy, Body, Origin, Row};
use crate::stats::{quantile, spearman};
use crate::suite::{Cell, Skipped};
use crate::worker::Opened;
use crate::workload::Workload;

/// Passages and queries of the generated corpus.
const CORPUS: (usize, usize) = (400, 100);

/// What is compared.
#[derive(Clone, Debug)]
pub struct AccuracyOptions {
    /// Who the others are compared with, in f32.
    pub reference: Cell,
    /// The others.
    pub cells: Vec<Cell>,
    /// Texts.
    pub texts: Option<usize>,
    /// Pairs that people have judged: a score and two texts in a line, with tabs between them.
    pub pairs: Option<PathBuf>,
}

/// Everything that a model makes vectors of.
struct Vectors {
    texts: Vec<Vec<f32>>,
    passages: Vec<Vec<f32>>,
    queries: Vec<Vec<f32>>,
    sts: Option<f64>,
}

/// Pairs of texts, and what people say of them.
#[derive(Debug, Default)]
struct Pairs {
    scores: Vec<f64>,
    texts: Vec<String>,
}

/// Compares cells with the reference. `tell` hears what is done.
///
/// # Errors
/// The reference cannot be had, or a file cannot be read.
pub fn accuracy(
    bench: &Bench,
    options: &AccuracyOptions,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, BenchError> {
    let origin = Origin::here("accuracy");
    let workload = Workload::new(&options.reference.workload, options.texts)?;
    let corpus = Corpus::new(CORPUS.0, CORPUS.1);
    let pairs = options.pairs.as_deref().map(Pairs::read).transpose()?;
    let study = Study { bench, workload, corpus, pairs };
    tell(&format!("reference {}", options.reference.variant()));
    let (opened, reference) = study.vectors(&options.reference)?;
    let name = format!("{} {}", opened.device, opened.precision);
    let mut bodies = vec![Body::Accuracy(Box::new(compared(
        (options.reference.clone(), opened),
        &reference,
        (&name, &reference),
    )))];
    for cell in &options.cells {
        tell(&cell.variant());
        bodies.push(match study.vectors(cell) {
            Ok((opened, vectors)) => {
                Body::Accuracy(Box::new(compared((cell.clone(), opened), &vectors, (&name, &reference))))
            }
            Err(error) => Body::Skipped(Skipped { cell: cell.clone(), reason: error.to_string() }),
        });
    }
    Ok(bodies.into_iter().map(|body| origin.row(body)).collect())
}

struct Study<'a> {
    bench: &'a Bench,
    workload: Workload,
    corpus: Corpus,
    pairs: Option<Pairs>,
}

impl Study<'_> {
    fn vectors(&self, cell: &Cell) -> Result<(Opened, Vectors), BenchError> {
        let texts = self.bench.write_texts("texts", &self.workload.texts)?;
        let mut worker = self.bench.open(cell, &self.workload, &texts)?;
        let folder = self.bench.folder();
        let mut embed = |name: &str, texts: &[String]| {
            let file = self.bench.write_texts(name, texts)?;
            worker.embed(&file, folder)
        };
        let vectors = Vectors {
            texts: embed("texts", &self.workload.texts)?,
            passages: embed("passages", &self.corpus.passages)?,
            queries: embed("queries", &self.corpus.queries)?,
            sts: match &self.pairs {
                Some(pairs) => pairs.correlation(&embed("pairs", &pairs.texts)?),
                None => None,
            },
        };
        Ok((worker.opened.clone(), vectors))
    }
}

fn compared(
    (cell, opened): (Cell, Opened),
    found: &Vectors,
    (name, reference): (&str, &Vectors),
) -> Accuracy {
    let cosines: Vec<f64> =
        found.texts.iter().zip(&reference.texts).map(|(left, right)| cosine(left, right)).collect();
    let distances: Vec<f64> = cosines.iter().map(|cosine| (1.0 - cosine).max(0.0)).collect();
    let tens = |vectors: &Vectors| -> Vec<Vec<usize>> {
        vectors.queries.iter().map(|query| nearest(query, &vectors.passages, 10)).collect()
    };
    let (own, theirs) = (tens(found), tens(reference));
    let queries = own.len().max(1) as f64;
    let found_within = |count: usize| {
        let is_found = |(number, ten): &(usize, &Vec<usize>)| ten.iter().take(count).any(|at| at == number);
        own.iter().enumerate().filter(is_found).count() as f64 / queries
    };
    let same =
        own.iter().zip(&theirs).map(|(own, theirs)| own.iter().filter(|at| theirs.contains(at)).count());
    Accuracy {
        cell,
        opened,
        reference: name.to_owned(),
        min_cosine: cosines.iter().copied().fold(f64::INFINITY, f64::min),
        mean_cosine: cosines.iter().sum::<f64>() / cosines.len().max(1) as f64,
        distances: [0.5, 0.9, 0.99, 1.0].map(|part| quantile(&distances, part)),
        sts: found.sts,
        recall_at_1: found_within(1),
        recall_at_10: found_within(10),
        same_ten: same.sum::<usize>() as f64 / (10.0 * queries),
    }
}

impl Pairs {
    fn read(path: &Path) -> Result<Self, BenchError> {
        let text =
            fs::read_to_string(path).map_err(|source| BenchError::Read { path: path.to_owned(), source })?;
        let mut pairs = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let bad = || BenchError::BadFile {
                path: path.to_owned(),
                reason: format!("line {} is not a score and two texts with tabs between them", index + 1),
            };
            let [score, left, right] = line.split('\t').collect::<Vec<_>>()[..] else { return Err(bad()) };
            pairs.scores.push(score.trim().parse().map_err(|_not_a_number| bad())?);
            pairs.texts.extend([left.to_owned(), right.to_owned()]);
        }
        Ok(pairs)
    }

    fn correlation(&self, vectors: &[Vec<f32>]) -> Option<f64> {
        let (pairs, _) = vectors.as_chunks::<2>();
        let cosines: Vec<f64> = pairs.iter().map(|[left, right]| cosine(left, right)).collect();
        spearman(&cosines, &self.scores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_bad_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.tsv");
        fs::write(&path, "4.5\ta cat\ta small cat\n\n0\ta cat\ta loan\n").unwrap();
        let pairs = Pairs::read(&path).unwrap();
        assert_eq!((pairs.scores.as_slice(), pairs.texts.len()), (&[4.5, 0.0][..], 4));
        let near = vec![vec![1.0, 0.0], vec![1.0, 0.1], vec![1.0, 0.0], vec![0.0, 1.0]];
        assert_eq!(pairs.correlation(&near), Some(1.0));
        for text in ["4.5\tone\n", "x\tone\ttwo\n"] {
            fs::write(&path, text).unwrap();
            let message = Pairs::read(&path).unwrap_err().to_string();
            assert!(
                message.ends_with("line 1 is not a score and two texts with tabs between them"),
                "{message}"
            );
        }
    }
}
