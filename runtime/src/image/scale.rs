//! Fewer pixels.

use image::imageops::{FilterType, resize};
use image::{DynamicImage, ImageBuffer, Rgba, RgbaImage};

/// In this size, by a Lanczos filter of three lobes. A picture that has it stays as it is, to the bit.
pub(super) fn scale(picture: DynamicImage, width: u32, height: u32) -> DynamicImage {
    if (picture.width(), picture.height()) == (width, height) {
        return picture;
    }
    match picture {
        DynamicImage::ImageRgba8(picture) => transparent(&picture, width, height).into(),
        picture => picture.resize_exact(width, height, FilterType::Lanczos3),
    }
}

/// The filter mixes neighbours, and what cannot be seen must not colour what can: colours are weighed by their alpha
/// before, and told from it after.
fn transparent(picture: &RgbaImage, width: u32, height: u32) -> RgbaImage {
    let weighed: ImageBuffer<Rgba<u16>, Vec<u16>> = ImageBuffer::from_fn(picture.width(), picture.height(), |x, y| {
        let Rgba([r, g, b, a]) = *picture.get_pixel(x, y);
        Rgba([r, g, b, u8::MAX].map(|channel| u16::from(channel) * u16::from(a)))
    });
    let scaled = resize(&weighed, width, height, FilterType::Lanczos3);
    RgbaImage::from_fn(width, height, |x, y| {
        let Rgba([r, g, b, a]) = *scaled.get_pixel(x, y);
        let weight = u32::from(a);
        let colour = |channel| (u32::from(channel) * 255 + weight / 2).checked_div(weight).unwrap_or(0);
        let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        Rgba([byte(colour(r)), byte(colour(g)), byte(colour(b)), byte((weight + 127) / 255)])
    })
}
