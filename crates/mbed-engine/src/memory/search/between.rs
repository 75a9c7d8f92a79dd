//! Sizes that lie between two that were tried.

use super::arm::Arm;

/// Sizes as far from each other as this are all that is ever tried: what lies between them cannot be faster by more.
pub(super) const FINEST: f64 = 1.09;
/// A size between two others is tried where it could be faster than the best by this part.
const PROMISING: f64 = 0.03;

/// A size that was tried: its number, the tokens of its batches, and its time in tokens at the pace of the best.
type Known = (usize, f64, f64);

/// Sizes from a few tokens up to `most`, which is one of them, and how many of them make a `factor`.
pub(super) fn ladder(most: usize, factor: f64) -> (Vec<usize>, usize) {
    let steps = (factor.ln() / FINEST.ln()).ceil().max(1.0);
    let ratio = factor.powf(1.0 / steps);
    let mut sizes = vec![most.max(1)];
    let mut size = most as f64 / ratio;
    while size >= 16.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most `most`, at least 16"
        )]
        sizes.push(size as usize);
        size /= ratio;
    }
    sizes.reverse();
    sizes.dedup();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
    let steps = steps as usize;
    (sizes, steps)
}

/// The numbers of the sizes between two that were tried which could be faster than the best.
pub(super) fn promising(arms: &[Arm], best: usize) -> Vec<usize> {
    let gain = |number: usize| if number == best { Some(1.0) } else { arms[number].trials.gain() };
    let known: Vec<Known> = (0..arms.len())
        .filter_map(|number| {
            let tokens = arms[number].usual_tokens();
            Some((number, tokens, tokens / gain(number)?))
        })
        .collect();
    let pairs = || known.iter().zip(known.iter().skip(1));
    // What a token more costs at the least, where dips do not end.
    let apart = pairs().filter(|(a, b)| b.1 > a.1 * FINEST.sqrt());
    let slopes = apart.map(|(a, b)| (b.2 - a.2) / (b.1 - a.1)).filter(|&slope| slope > 0.0);
    let slope = slopes.fold(1.0, f64::min);
    let could_win = |&(a, b): &(&Known, &Known)| {
        // Where a size is slow by itself, a larger one may take less time: what is known of all smaller ones counts.
        let smaller = known.iter().take_while(|known| known.0 <= a.0);
        let least = smaller.map(|known| known.2 + slope * (b.1 - known.1)).fold(f64::MAX, f64::min);
        b.0 > a.0 + 1 && b.1 / least > 1.0 + PROMISING
    };
    pairs().filter(could_win).map(|(a, b)| usize::midpoint(a.0, b.0)).collect()
}
