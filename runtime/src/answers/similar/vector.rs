//! Directions, and how alike they are.

/// A vector of length one, whose product with another is the cosine of the angle between them. None, if it has no
/// direction: it is empty, zero, or holds what is no number.
pub(super) fn direction(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let square: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    if !square.is_finite() || square <= 0.0 {
        return None;
    }
    let length = square.sqrt();
    for x in &mut vector {
        *x = (f64::from(*x) / length) as f32;
    }
    Some(vector)
}

/// The cosine of the angle between two directions.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    // In lanes, so that the compiler may add several at a time: the order of a sum of floats is part of its meaning.
    let mut lanes = [0.0_f32; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a.zip(b) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_points_the_same_way_is_alike() {
        let of = |v: &[f32]| direction(v.to_vec()).unwrap_or_default();
        let (a, b) = (of(&[3.0, 4.0, 0.0]), of(&[30.0, 40.0, 0.0]));
        assert!((cosine(&a, &b) - 1.0).abs() < 1e-6);
        assert!(cosine(&a, &of(&[0.0, 0.0, 9.0])).abs() < 1e-6);
        let long: Vec<f32> = (0_u8..37).map(f32::from).collect();
        assert!((cosine(&of(&long), &of(&long)) - 1.0).abs() < 1e-5, "also what does not fill its lanes");
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        for vector in [vec![], vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY]] {
            assert_eq!(direction(vector), None);
        }
        assert!(direction(vec![f32::MAX; 4]).is_some(), "a long one has");
    }
}
