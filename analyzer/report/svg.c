/* SPDX-License-Identifier: MIT
 *
 * SVG, written. Numbers are integers of tenths, so no locale and no rounding of doubles reaches a picture, and the same
 * picture has the same bytes everywhere.
 *
 * Widths: no two machines have the same fonts. The table holds for each printable ASCII character the wider one of
 * DejaVu Sans (as wide as Verdana, the widest of the usual ones) and Liberation Sans (as wide as Arial, Helvetica and Arimo),
 * in thousandths of the font's size. So words are never wider than they are taken for, and boxes that do not overlap here
 * do not overlap anywhere; with a narrower font there is more air. Other characters are taken for as wide as the widest
 * that are common.
 */
#include "report/svg.h"

#include "base/utf8.h"

#include <string.h>

/* ---- characters ---- */

enum { ASCII_FIRST = 0x20, ASCII_LAST = 0x7e, OTHER_WIDTH = 1050, WIDE_WIDTH = 1400 };

/* clang-format off */
static const uint16_t ascii_width[2][ASCII_LAST - ASCII_FIRST + 1] = {
    {318, 401, 460, 838, 637, 951, 780, 275, 391, 391, 500, 838, 318, 361, 318, 337,
     637, 637, 637, 637, 637, 637, 637, 637, 637, 637, 337, 337, 838, 838, 838, 557,
     1016, 685, 687, 723, 771, 667, 611, 778, 752, 295, 500, 667, 558, 863, 749, 788,
     667, 788, 723, 667, 611, 732, 685, 989, 686, 667, 686, 391, 337, 391, 838, 557,
     500, 613, 635, 550, 635, 616, 353, 635, 634, 278, 278, 580, 278, 975, 634, 612,
     635, 635, 412, 521, 393, 634, 592, 818, 592, 592, 525, 637, 337, 637, 838},
    {349, 457, 521, 838, 696, 1002, 873, 307, 458, 458, 523, 838, 380, 416, 380, 366,
     696, 696, 696, 696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 611,
     1000, 774, 763, 734, 831, 684, 684, 821, 837, 373, 557, 775, 638, 996, 837, 851,
     733, 851, 771, 721, 683, 813, 774, 1104, 771, 725, 726, 458, 366, 458, 838, 557,
     500, 675, 716, 593, 716, 679, 436, 716, 712, 343, 343, 666, 343, 1042, 712, 688,
     716, 716, 494, 596, 479, 712, 652, 924, 646, 652, 583, 712, 366, 712, 838}
};
/* clang-format on */

/* One character as it is shown: itself, or \xNN for a byte that may not be. */
struct glyph {
    uint32_t code;
    size_t length; /* bytes of the text */
    bool shown;    /* as itself */
};

static struct glyph glyph_at(const char *text)
{
    struct glyph g = {.length = tca_utf8_printable(text)};
    if (g.length) {
        g.code = tca_utf8_code(text, g.length);
        g.shown = tca_utf8_shown(g.code);
    }
    if (!g.shown)
        g.length = 1;
    return g;
}

static int32_t ascii_of(char c, bool bold)
{
    return ascii_width[bold][c - ASCII_FIRST];
}

/* In thousandths of the font's size. */
static int32_t glyph_width(const struct glyph *g, bool bold)
{
    if (!g->shown) { /* \xNN, of which no digit is wider than the widest */
        int32_t figure = ascii_of('0', bold), letter = ascii_of('b', bold);
        return ascii_of('\\', bold) + ascii_of('x', bold) + 2 * (figure > letter ? figure : letter);
    }
    if (g->code <= ASCII_LAST)
        return ascii_of((char)g->code, bold);
    return g->code < 0x2e80 ? OTHER_WIDTH : WIDE_WIDTH;
}

static void add_glyph(struct tca_buf *out, const char *text, const struct glyph *g)
{
    static const struct {
        char c;
        const char *escape;
    } escapes[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    if (!g->shown) {
        tca_buf_fmt(out, "\\x%02x", (unsigned char)*text);
        return;
    }
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++)
        if (*text == escapes[i].c) {
            tca_buf_str(out, escapes[i].escape);
            return;
        }
    tca_buf_add(out, text, g->length);
}

void tca_svg_escape(struct tca_buf *out, const char *text)
{
    while (*text) {
        struct glyph g = glyph_at(text);
        add_glyph(out, text, &g);
        text += g.length;
    }
}

/* ---- widths ---- */

/* Thousandths of a font's size in tenths of a unit, rounded up. */
static int32_t scaled(int64_t width, const struct tca_svg_font *font)
{
    int64_t tenths = (width * font->size + 999) / 1000;
    return tenths > INT32_MAX ? INT32_MAX : (int32_t)tenths;
}

/* Bytes of the words that fit into `room`. */
static size_t fitting(const char *words, int32_t room, const struct tca_svg_font *font)
{
    int64_t width = 0;
    size_t at = 0;
    while (words[at]) {
        struct glyph g = glyph_at(words + at);
        width += glyph_width(&g, font->bold);
        if (scaled(width, font) > room)
            break;
        at += g.length;
    }
    return at;
}

int32_t tca_svg_width(const char *words, const struct tca_svg_font *font)
{
    int64_t width = 0;
    while (*words) {
        struct glyph g = glyph_at(words);
        width += glyph_width(&g, font->bold);
        words += g.length;
    }
    return scaled(width, font);
}

void tca_svg_fit(struct tca_buf *out, const char *words, int32_t room, const struct tca_svg_font *font)
{
    static const char ellipsis[] = "\u2026";
    size_t all = strlen(words), fits = fitting(words, room, font);
    if (fits < all)
        fits = fitting(words, room - tca_svg_width(ellipsis, font), font);
    tca_buf_add(out, words, fits);
    if (fits < all)
        tca_buf_str(out, ellipsis);
}

size_t tca_svg_line_of(const char *words, int32_t room, const struct tca_svg_font *font)
{
    size_t fits = fitting(words, room, font), end = fits;
    if (!words[fits] || words[fits] == ' ')
        return fits ? fits : words[0] != '\0';
    while (end && words[end - 1] != ' ')
        end--;
    while (end && words[end - 1] == ' ')
        end--;
    if (end)
        return end;
    return fits || !words[0] ? fits : glyph_at(words).length;
}

/* ---- elements ---- */

static void put_tenths(struct tca_buf *out, int32_t value)
{
    uint32_t size = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    if (value < 0)
        tca_buf_char(out, '-');
    tca_buf_u64(out, size / TCA_SVG_UNIT);
    if (size % TCA_SVG_UNIT) {
        tca_buf_char(out, '.');
        tca_buf_char(out, (char)('0' + size % TCA_SVG_UNIT));
    }
}

static void put_number(struct tca_buf *out, const char *name, int32_t value)
{
    tca_buf_char(out, ' ');
    tca_buf_str(out, name);
    tca_buf_str(out, "=\"");
    put_tenths(out, value);
    tca_buf_char(out, '"');
}

static void put_word(struct tca_buf *out, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    tca_buf_char(out, ' ');
    tca_buf_str(out, name);
    tca_buf_str(out, "=\"");
    tca_svg_escape(out, value);
    tca_buf_char(out, '"');
}

static void put_element(struct tca_buf *out, const char *name, const char *text)
{
    if (!text || !text[0])
        return;
    tca_buf_fmt(out, "<%s>", name);
    tca_svg_escape(out, text);
    tca_buf_fmt(out, "</%s>\n", name);
}

void tca_svg_begin(struct tca_buf *out, const struct tca_svg_box *view, const char *title, const char *desc,
                   const char *style)
{
    tca_buf_str(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"");
    put_number(out, "width", view->width);
    put_number(out, "height", view->height);
    tca_buf_str(out, " viewBox=\"");
    const int32_t side[] = {view->x, view->y, view->width, view->height};
    for (size_t i = 0; i < sizeof side / sizeof side[0]; i++) {
        if (i)
            tca_buf_char(out, ' ');
        put_tenths(out, side[i]);
    }
    tca_buf_str(out, "\" font-family=\"Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', sans-serif\">\n");
    put_element(out, "title", title);
    put_element(out, "desc", desc);
    if (style)
        tca_buf_fmt(out, "<style>%s</style>\n", style);
}

void tca_svg_end(struct tca_buf *out)
{
    tca_buf_str(out, "</svg>\n");
}

void tca_svg_group(struct tca_buf *out, const char *class, const char *id, const char *title)
{
    tca_buf_str(out, "<g");
    put_word(out, "class", class);
    put_word(out, "id", id);
    tca_buf_str(out, ">\n");
    put_element(out, "title", title);
}

void tca_svg_group_end(struct tca_buf *out)
{
    tca_buf_str(out, "</g>\n");
}

void tca_svg_rect(struct tca_buf *out, const struct tca_svg_box *box, int32_t radius, const char *class)
{
    tca_buf_str(out, "<rect");
    put_number(out, "x", box->x);
    put_number(out, "y", box->y);
    put_number(out, "width", box->width);
    put_number(out, "height", box->height);
    if (radius)
        put_number(out, "rx", radius);
    put_word(out, "class", class);
    tca_buf_str(out, "/>\n");
}

void tca_svg_line(struct tca_buf *out, int32_t x1, int32_t y1, int32_t x2, int32_t y2, const char *class)
{
    tca_buf_str(out, "<line");
    put_number(out, "x1", x1);
    put_number(out, "y1", y1);
    put_number(out, "x2", x2);
    put_number(out, "y2", y2);
    put_word(out, "class", class);
    tca_buf_str(out, "/>\n");
}

void tca_svg_path(struct tca_buf *out, const char *class)
{
    tca_buf_str(out, "<path");
    put_word(out, "class", class);
    tca_buf_str(out, " d=\"");
}

void tca_svg_to(struct tca_buf *out, int32_t x, int32_t y, bool pen)
{
    tca_buf_char(out, pen ? 'L' : 'M');
    put_tenths(out, x);
    tca_buf_char(out, ' ');
    put_tenths(out, y);
}

void tca_svg_path_end(struct tca_buf *out, bool closed)
{
    tca_buf_str(out, closed ? "Z\"/>\n" : "\"/>\n");
}

static void begin_words(struct tca_buf *out, int32_t x, int32_t y, enum tca_svg_anchor anchor,
                        const struct tca_svg_font *font, const char *class)
{
    static const char *const anchors[] = {
        [TCA_SVG_START] = "", [TCA_SVG_MIDDLE] = "middle", [TCA_SVG_END] = "end"};
    tca_buf_str(out, "<text");
    put_number(out, "x", x);
    put_number(out, "y", y);
    put_number(out, "font-size", font->size);
    put_word(out, "font-weight", font->bold ? "bold" : "");
    put_word(out, "text-anchor", anchors[anchor]);
    put_word(out, "class", class);
    tca_buf_char(out, '>');
}

void tca_svg_words(struct tca_buf *out, int32_t x, int32_t y, enum tca_svg_anchor anchor,
                   const struct tca_svg_font *font, const char *class, const char *words)
{
    begin_words(out, x, y, anchor, font, class);
    tca_svg_escape(out, words);
    tca_buf_str(out, "</text>\n");
}

void tca_svg_led(struct tca_buf *out, int32_t x, int32_t y, enum tca_svg_anchor anchor, int32_t size,
                 const char *class, const char *lead, const char *words)
{
    begin_words(out, x, y, anchor, &(struct tca_svg_font){.size = size}, class);
    tca_buf_str(out, "<tspan font-weight=\"bold\">");
    tca_svg_escape(out, lead);
    tca_buf_str(out, "</tspan> ");
    tca_svg_escape(out, words);
    tca_buf_str(out, "</text>\n");
}
