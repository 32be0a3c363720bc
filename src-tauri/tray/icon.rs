//! Drawing the tray's icon: the program's own, with the number of waiting
//! actions on it, or the sign of what is wrong.

use std::f64::consts::{FRAC_PI_2, PI, TAU};
use std::sync::LazyLock;

use gtk::cairo::{self, Context, FontSlant, FontWeight, Format, ImageSurface};

use super::State;

/// Trays ask for these heights, some of them doubled.
const SIZES: [i32; 3] = [24, 32, 48];

const AMBER: Colour = (0.910, 0.639, 0.239);
const RED: Colour = (0.780, 0.180, 0.120);
const GREY: Colour = (0.420, 0.450, 0.480);
const INK: Colour = (0.106, 0.078, 0.020);
const WHITE: Colour = (1.0, 1.0, 1.0);

type Colour = (f64, f64, f64);

/// The program's icon.
static BASE: LazyLock<tauri::image::Image<'static>> =
    LazyLock::new(|| tauri::include_image!("icons/128x128.png"));

/// The icon in every size. None when it cannot be drawn: the tray then shows
/// its own placeholder, with our words.
pub(super) fn draw(state: State, waiting: usize) -> Vec<ksni::Icon> {
    SIZES
        .iter()
        .filter_map(|&size| {
            draw_at(state, waiting, size)
                .inspect_err(|error| tracing::warn!("the tray icon is not drawn: {error}"))
                .ok()
        })
        .collect()
}

fn draw_at(state: State, waiting: usize, size: i32) -> Result<ksni::Icon, cairo::Error> {
    let mut surface = ImageSurface::create(Format::ARgb32, size, size)?;
    {
        let context = Context::new(&surface)?;
        let base = base()?;
        let scale = f64::from(size) / f64::from(base.width());
        context.save()?;
        context.scale(scale, scale);
        context.set_source_surface(&base, 0.0, 0.0)?;
        let faint = matches!(state, State::Deaf | State::Resting | State::Locked);
        context.paint_with_alpha(if faint { 0.55 } else { 1.0 })?;
        context.restore()?;
        badge(&context, state, waiting, f64::from(size))?;
    }
    surface.flush();
    let data = surface.data().map_err(|_| cairo::Error::SurfaceFinished)?;
    Ok(ksni::Icon {
        width: size,
        height: size,
        data: data.chunks_exact(4).flat_map(network).collect(),
    })
}

/// What is drawn over the icon's lower right corner.
fn badge(context: &Context, state: State, waiting: usize, size: f64) -> Result<(), cairo::Error> {
    let number = match waiting {
        0 => String::new(),
        1..=99 => waiting.to_string(),
        _ => "99".into(),
    };
    let (text, ground, ink) = match state {
        State::Alarm => ("!".to_owned(), RED, WHITE),
        State::Deaf if waiting == 0 => ("×".into(), GREY, WHITE),
        State::Deaf => (number, GREY, WHITE),
        State::Locked if waiting == 0 => return padlock(context, size),
        _ if waiting == 0 => return Ok(()),
        _ => (number, AMBER, INK),
    };
    let height = size * 0.62;
    let width = if text.chars().count() > 1 {
        size * 0.86
    } else {
        height
    };
    let (left, top, radius) = (size - width, size - height, height / 2.0);
    context.new_path();
    context.arc(
        left + radius,
        top + radius,
        radius,
        FRAC_PI_2,
        PI + FRAC_PI_2,
    );
    context.arc(size - radius, top + radius, radius, -FRAC_PI_2, FRAC_PI_2);
    context.close_path();
    fill(context, ground)?;
    context.select_font_face("sans-serif", FontSlant::Normal, FontWeight::Bold);
    context.set_font_size(height * 0.86);
    let extents = context.text_extents(&text)?;
    context.move_to(
        left + (width - extents.width()) / 2.0 - extents.x_bearing(),
        top + (height - extents.height()) / 2.0 - extents.y_bearing(),
    );
    context.set_source_rgb(ink.0, ink.1, ink.2);
    context.show_text(&text)
}

fn padlock(context: &Context, size: f64) -> Result<(), cairo::Error> {
    let (width, height) = (size * 0.5, size * 0.36);
    let (left, top) = (size - width, size - height);
    context.new_path();
    context.arc(left + width / 2.0, top, width * 0.3, PI, TAU);
    context.set_line_width(size * 0.08);
    context.set_source_rgb(AMBER.0, AMBER.1, AMBER.2);
    context.stroke()?;
    context.rectangle(left, top, width, height);
    fill(context, AMBER)
}

fn fill(context: &Context, colour: Colour) -> Result<(), cairo::Error> {
    context.set_source_rgb(colour.0, colour.1, colour.2);
    context.fill()
}

fn base() -> Result<ImageSurface, cairo::Error> {
    let (width, height) = (side(BASE.width()), side(BASE.height()));
    let stride = Format::ARgb32.stride_for_width(BASE.width())?;
    let pixels: Vec<u8> = BASE
        .rgba()
        .chunks_exact(4)
        .flat_map(premultiplied)
        .collect();
    ImageSurface::create_for_data(pixels, Format::ARgb32, width, height, stride)
}

fn side(pixels: u32) -> i32 {
    i32::try_from(pixels).expect("the icon that is built in is small")
}

/// Cairo's pixel: colours multiplied by their opacity, in the order of the
/// machine.
fn premultiplied(rgba: &[u8]) -> [u8; 4] {
    let opacity = u32::from(rgba[3]);
    let times = |colour: u8| (u32::from(colour) * opacity + 127) / 255;
    let pixel = (opacity << 24) | (times(rgba[0]) << 16) | (times(rgba[1]) << 8) | times(rgba[2]);
    pixel.to_ne_bytes()
}

/// The pixel of a StatusNotifierItem: plain colours, in network order.
fn network(pixel: &[u8]) -> [u8; 4] {
    let pixel = u32::from_ne_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]);
    let [opacity, red, green, blue] = pixel.to_be_bytes();
    let plain = |colour: u8| {
        let whole = (u32::from(colour) * 255)
            .checked_div(u32::from(opacity))
            .unwrap_or(0);
        u8::try_from(whole.min(255)).unwrap_or(u8::MAX)
    };
    [opacity, plain(red), plain(green), plain(blue)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_numbers_look_different() {
        let shown = [
            (State::Resting, 0),
            (State::Watching, 0),
            (State::Watching, 1),
            (State::Watching, 12),
            (State::Deaf, 0),
            (State::Deaf, 1),
            (State::Locked, 0),
            (State::Locked, 1),
            (State::Alarm, 0),
        ];
        let mut seen = Vec::new();
        for (state, waiting) in shown {
            let icons = draw(state, waiting);
            assert_eq!(icons.len(), SIZES.len());
            for icon in &icons {
                let pixels = icon.width * icon.height * 4;
                assert_eq!(i32::try_from(icon.data.len()), Ok(pixels));
            }
            let picture = icons[0].data.clone();
            assert!(!seen.contains(&picture), "{state:?} {waiting}");
            seen.push(picture);
        }
    }

    #[test]
    fn a_pixel_survives_the_way_through_cairo() {
        assert_eq!(
            network(&premultiplied(&[200, 100, 50, 255])),
            [255, 200, 100, 50]
        );
        assert_eq!(network(&premultiplied(&[200, 100, 50, 0])), [0, 0, 0, 0]);
    }
}
