//! What a picture is compared by: a short text of bits that changes little when the picture does.

use std::fmt;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, RgbImage};
use image_hasher::{HashAlg, Hasher, HasherConfig};

/// The side of the small picture that all hashes are made of, in pixels.
const SMALL: u32 = 64;
/// By how much a picture is tilted, so that bits of a flat one are decided by more than its noise.
const TILT: u32 = 12;
/// Steps of brightness, of which each is about a quarter brighter than the one before.
const LUMA: [i32; 12] = [8, 16, 24, 34, 46, 60, 78, 100, 126, 156, 190, 226];
/// Steps of colour, of either sign.
const CHROMA: [i32; 8] = [-35, -25, -15, -5, 5, 15, 25, 35];
/// Steps of detail: sixteenths of a level of brightness between neighbours.
const DETAIL: [i32; 4] = [40, 80, 160, 320];

/// How pictures are hashed. Default: [`Method::Combined`].
///
/// Measured by `precision_and_recall` in `tests/tests/it/dedup/labelled.rs`: 75 photographs and drawings of 75 things,
/// each with 13 edits, all pairs counted at a similarity of 0.95.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// 224 bits: a mean hash (6 by 6) and a double gradient (10 wide and high) of the tilted grey picture, and per quarter
    /// its brightness, its colour and its detail as so many steps, of which near ones differ in few bits.
    ///
    /// What a shift of some pixels or a crop changes in the structure is outweighed by brightness and colour, which it
    /// does not change; and two pictures of one structure in other colours are two.
    #[default]
    Combined,
    /// 64 bits: is each cell of the grey picture, 8 by 8, at least as bright as the mean? (Krawetz, "Looks like it", 2011.)
    ///
    /// Small and widely known. Blind to colour and to brightness as a whole; a flat picture, such as a black one, is
    /// hashed by its noise, or equal to every other flat one.
    Mean,
}

impl Method {
    /// How many bits a hash has.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Combined => 36 + 60 + 4 * (LUMA.len() + 2 * CHROMA.len() + DETAIL.len()) as u32,
            Self::Mean => 64,
        }
    }

    /// As keys of the cache name it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::Mean => "mean",
        }
    }
}

/// The hash of one picture: up to 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PictureHash {
    words: [u64; 4],
    bits: u32,
}

impl PictureHash {
    /// A hash of so many bits, 256 at most, the lowest of the first word first. What is beyond them is cut off.
    #[must_use]
    pub fn new(words: [u64; 4], bits: u32) -> Self {
        let bits = bits.min(256);
        let mut cut = words;
        for (word, first) in cut.iter_mut().zip((0..256).step_by(64)) {
            let here = bits.saturating_sub(first).min(64);
            *word &= if here == 64 { u64::MAX } else { (1 << here) - 1 };
        }
        Self { words: cut, bits }
    }

    /// How many bits it has.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// The bits.
    #[must_use]
    pub const fn words(&self) -> &[u64; 4] {
        &self.words
    }

    /// In how many bits the two differ (Hamming).
    #[must_use]
    pub fn distance(&self, other: &Self) -> u32 {
        distance(&self.words, &other.words)
    }

    /// How alike the two are: 1 - distance / bits. Hashes of unlike length are not alike at all.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> f64 {
        if self.bits != other.bits || self.bits == 0 {
            return 0.0;
        }
        1.0 - f64::from(self.distance(other)) / f64::from(self.bits)
    }

    fn push(&mut self, bit: bool) {
        if bit {
            self.words[(self.bits / 64) as usize] |= 1 << (self.bits % 64);
        }
        self.bits += 1;
    }

    /// The first so many bits of a hash of another kind.
    fn append(&mut self, hash: [u8; 16], bits: u32) {
        let hash = u128::from_le_bytes(hash);
        (0..bits).for_each(|i| self.push(hash >> i & 1 == 1));
    }

    /// A value as so many bits as steps it reaches: values that are near each other differ in few.
    fn steps(&mut self, value: i32, steps: &[i32]) {
        steps.iter().for_each(|&step| self.push(value >= step));
    }
}

pub(super) fn distance(one: &[u64; 4], other: &[u64; 4]) -> u32 {
    one.iter().zip(other).map(|(one, other)| (one ^ other).count_ones()).sum()
}

/// Hashes pictures by one method.
pub(super) struct Hashing {
    method: Method,
    mean: Hasher<[u8; 16]>,
    gradient: Hasher<[u8; 16]>,
}

impl Hashing {
    pub(super) fn new(method: Method) -> Self {
        let config = HasherConfig::with_bytes_type::<[u8; 16]>().resize_filter(FilterType::Triangle);
        let side = if method == Method::Mean { 8 } else { 6 };
        let mean = config.hash_size(side, side).hash_alg(HashAlg::Mean).to_hasher();
        let config = HasherConfig::with_bytes_type::<[u8; 16]>().resize_filter(FilterType::Triangle);
        let gradient = config.hash_size(10, 10).hash_alg(HashAlg::DoubleGradient).to_hasher();
        Self { method, mean, gradient }
    }

    pub(super) fn of(&self, picture: &DynamicImage) -> PictureHash {
        let small = picture.thumbnail_exact(SMALL, SMALL).to_rgb8();
        let mut grey = imageops::grayscale(&small);
        let mut hash = PictureHash { words: [0; 4], bits: 0 };
        if self.method == Method::Mean {
            hash.append(self.mean.hash_image(&grey).into_inner(), 64);
            return hash;
        }
        let details = quarters(|x, y| detail(&grey, x, y));
        tilt(&mut grey);
        hash.append(self.mean.hash_image(&grey).into_inner(), 36);
        hash.append(self.gradient.hash_image(&grey).into_inner(), 60);
        for (x, y) in QUARTERS {
            let (luma, blue, red) = colour(&small, x, y);
            hash.steps(luma, &LUMA);
            hash.steps(blue, &CHROMA);
            hash.steps(red, &CHROMA);
        }
        details.iter().for_each(|&detail| hash.steps(detail, &DETAIL));
        hash
    }
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hashing").field(&self.method).finish()
    }
}

impl fmt::Debug for PictureHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.words;
        write!(f, "PictureHash({} bits: {a:016x} {b:016x} {c:016x} {d:016x})", self.bits)
    }
}

/// Where the quarters of the small picture begin.
const QUARTERS: [(u32, u32); 4] = [(0, 0), (SMALL / 2, 0), (0, SMALL / 2), (SMALL / 2, SMALL / 2)];

fn quarters(of: impl Fn(u32, u32) -> i32) -> [i32; 4] {
    QUARTERS.map(|(x, y)| of(x, y))
}

/// Brighter to the right and downward, and less contrast, so that nothing is cut off.
fn tilt(grey: &mut GrayImage) {
    for (x, y, pixel) in grey.enumerate_pixels_mut() {
        let level = u32::from(pixel[0]) * (255 - 2 * TILT) / 255 + TILT * (x + y) / SMALL;
        pixel[0] = u8::try_from(level).unwrap_or(u8::MAX);
    }
}

/// Brightness and colour (the differences of blue and red, as in JPEG) of the quarter that begins here, on average.
fn colour(small: &RgbImage, left: u32, top: u32) -> (i32, i32, i32) {
    let mut sum = [0_i32; 3];
    for y in top..top + SMALL / 2 {
        for x in left..left + SMALL / 2 {
            sum.iter_mut().zip(small.get_pixel(x, y).0).for_each(|(sum, level)| *sum += i32::from(level));
        }
    }
    let [red, green, blue] = sum.map(|sum| sum / (SMALL * SMALL / 4).cast_signed());
    let luma = (299 * red + 587 * green + 114 * blue) / 1000;
    (luma, (blue - luma) * 564 / 1000, (red - luma) * 713 / 1000)
}

/// How much neighbours differ in the quarter that begins here, on average.
fn detail(grey: &GrayImage, left: u32, top: u32) -> i32 {
    let at = |x: u32, y: u32| i32::from(grey.get_pixel(left + x, top + y)[0]);
    let side = SMALL / 2 - 1;
    let mut sum = 0;
    for y in 0..side {
        for x in 0..side {
            sum += (at(x, y) - at(x + 1, y)).abs() + (at(x, y) - at(x, y + 1)).abs();
        }
    }
    sum * 16 / (side * side).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(level: [u8; 3]) -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_pixel(160, 90, image::Rgb(level)))
    }

    #[test]
    fn a_hash_has_as_many_bits_as_its_method_says() {
        for method in [Method::Combined, Method::Mean] {
            let hash = Hashing::new(method).of(&flat([40, 90, 200]));
            assert_eq!(hash.bits(), method.bits());
            assert_eq!(PictureHash::new(*hash.words(), hash.bits()), hash, "no bit beyond them is set");
        }
        assert_eq!((Method::Combined.bits(), Method::Mean.bits()), (224, 64));
    }

    #[test]
    fn flat_pictures_of_other_colours_are_other_pictures() {
        let (combined, mean) = (Hashing::new(Method::Combined), Hashing::new(Method::Mean));
        let (blue, white, black) = (flat([0, 0, 160]), flat([255; 3]), flat([0; 3]));
        assert!(combined.of(&blue).similarity(&combined.of(&white)) < 0.95);
        assert!(combined.of(&black).similarity(&combined.of(&white)) < 0.95);
        assert_eq!(mean.of(&blue), mean.of(&white), "which the mean hash cannot tell");
    }

    #[test]
    fn one_pixel_and_a_strip_are_pictures_too() {
        for (width, height) in [(1, 1), (1, 500), (500, 1), (3, 2)] {
            let picture = DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, image::Rgb([9, 9, 9])));
            assert_eq!(Hashing::new(Method::Combined).of(&picture).bits(), 224);
        }
    }

    #[test]
    fn similarity_is_of_hashes_of_one_length() {
        let (long, short) = (PictureHash::new([u64::MAX; 4], 224), PictureHash::new([u64::MAX; 4], 64));
        assert_eq!((long.words()[3], short.words()[1]), (u64::from(u32::MAX), 0));
        assert!((long.similarity(&long) - 1.0).abs() < f64::EPSILON);
        assert!(long.similarity(&short).abs() < f64::EPSILON);
        let half = PictureHash::new([u64::from(u32::MAX), 0, 0, 0], 64);
        assert!((short.similarity(&half) - 0.5).abs() < f64::EPSILON);
    }
}
