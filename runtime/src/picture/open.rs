//! A decoder for a picture whose shape is known, with room for that picture and no other.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ImageDecoder, ImageResult, Limits};

use super::{Format, Shape};

/// What a pixel takes at most: four channels of 16 bits.
const A_PIXEL: u64 = 8;
/// What decoders may take beside the pixels and the bytes: tables, rows, a colour profile that a PNG has compressed.
const APART: u64 = 8 << 20;

/// The decoder of a picture of this shape. What unpacks to more than such a picture needs, such as a colour profile of
/// some kilobytes that inflates to gigabytes, is not unpacked further than that.
pub(crate) fn open(bytes: &[u8], shape: Shape) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    let mut room = Limits::no_limits();
    room.max_alloc = Some(room_of(bytes.len(), shape));
    let input = Cursor::new(bytes);
    let mut decoder: Box<dyn ImageDecoder> = match shape.format {
        Format::Jpeg => Box::new(JpegDecoder::new(input)?),
        Format::Png => Box::new(PngDecoder::with_limits(input, room.clone())?),
        Format::Gif => Box::new(GifDecoder::new(input)?),
        Format::Bmp => Box::new(BmpDecoder::new(input)?),
        Format::WebP => Box::new(WebPDecoder::new(input)?),
    };
    decoder.set_limits(room)?;
    Ok(decoder)
}

/// That of a PNG is for what lies beside its pixels, which its decoder does not count: a row, and chunks that are
/// gathered (in doubling steps) and copied. That of a GIF is for a frame that is not its canvas.
fn room_of(bytes: usize, shape: Shape) -> u64 {
    let beside = match shape.format {
        Format::Png => u64::from(shape.width) * A_PIXEL + 3 * bytes as u64,
        _ => shape.pixels().saturating_mul(A_PIXEL),
    };
    beside.saturating_add(APART)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::shape;
    use super::*;

    /// A PNG of four pixels with one more chunk behind its head.
    fn png_with(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
        let mut plain = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(2, 2).write_to(&mut plain, image::ImageFormat::Png).expect("it is written");
        let mut bytes = plain.into_inner();
        let named = [&kind[..], data].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&named);
        let length = u32::try_from(data.len()).expect("it is short");
        let chunk = [&length.to_be_bytes()[..], &named, &crc.sum().to_be_bytes()].concat();
        bytes.splice(33..33, chunk);
        bytes
    }

    /// A colour profile of so many bytes.
    fn with_profile(bytes: usize) -> Vec<u8> {
        let mut out = flate2::write::ZlibEncoder::new(b"profile\0\0".to_vec(), flate2::Compression::best());
        let zeros = vec![0; 1 << 16];
        for at in (0..bytes).step_by(zeros.len()) {
            out.write_all(&zeros[..zeros.len().min(bytes - at)]).expect("it is written");
        }
        png_with(*b"iCCP", &out.finish().expect("it ends"))
    }

    fn profile_of(png: &[u8]) -> Option<usize> {
        let shape = shape(png).expect("a picture");
        let mut decoder = open(png, shape).expect("a PNG");
        let profile = decoder.icc_profile().expect("a PNG").map(|profile| profile.len());
        image::DynamicImage::from_decoder(decoder).expect("its pixels are well");
        profile
    }

    #[test]
    fn what_unpacks_to_more_than_the_picture_needs_is_not_unpacked() {
        assert_eq!(profile_of(&with_profile(3 << 20)), Some(3 << 20), "a profile is read");
        let bomb = with_profile(40 << 20);
        assert!(bomb.len() < 1 << 20, "{}", bomb.len());
        assert_eq!(profile_of(&bomb), None);
        // Under the room that the largest allowed picture would have, it is: the control.
        let mut room = Limits::no_limits();
        room.max_alloc = Some(64_000_000 * A_PIXEL);
        let mut decoder = PngDecoder::with_limits(Cursor::new(&bomb), room).expect("a PNG");
        assert_eq!(decoder.icc_profile().expect("a PNG").map(|profile| profile.len()), Some(40 << 20));
    }

    #[test]
    fn long_words_beside_a_small_picture_are_no_harm() {
        let words = [b"Comment\0".to_vec(), vec![b'x'; 30 << 20]].concat();
        assert_eq!(profile_of(&png_with(*b"tEXt", &words)), None);
        assert_eq!(profile_of(&png_with(*b"eXIf", &vec![7; 30 << 20])), None);
    }

    #[test]
    fn a_frame_larger_than_its_canvas_gets_no_room() {
        let mut gif = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(8, 8).write_to(&mut gif, image::ImageFormat::Gif).expect("it is written");
        let mut gif = gif.into_inner();
        let frame = gif.iter().rposition(|byte| *byte == 0x2c).expect("a frame");
        gif[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        let shape = shape(&gif).expect("a picture");
        let refused = open(&gif, shape).and_then(image::DynamicImage::from_decoder);
        assert!(matches!(refused, Err(image::ImageError::Limits(_))), "{refused:?}");
    }
}
