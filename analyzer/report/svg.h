/* SPDX-License-Identifier: MIT
 *
 * Pictures: SVG 1.1 as text, of rectangles, lines, paths and words. Whatever draws lays out its boxes itself and asks here
 * how wide words are. Everything appends to a buffer, whose owner looks once for whether memory ran out.
 *
 * Lengths and places are integers, in tenths of a unit (a pixel where nothing scales the picture): 125 is written 12.5. y
 * grows downward; the y of words is that of the line they stand on. Colours come from classes alone, so that the same
 * picture is light or dark as its page is, and prints: TCA_SVG_... takes the names of classes, of ours and never a text of
 * a capture. Words, titles and ids may be of any bytes: what has a meaning in XML is escaped, and what XML does not allow,
 * or turns the direction of writing, is shown as \xNN.
 */
#ifndef TCA_REPORT_SVG_H
#define TCA_REPORT_SVG_H

#include "base/buf.h"

enum { TCA_SVG_UNIT = 10 };

struct tca_svg_box {
    int32_t x, y, width, height;
};

/* How words are written, and so how wide they are. */
struct tca_svg_font {
    int32_t size;
    bool bold;
};

enum tca_svg_anchor { TCA_SVG_START, TCA_SVG_MIDDLE, TCA_SVG_END }; /* which end of the words x is */

/* A picture of what `view` shows. `title` and `desc` are read out to those who do not see it ("" for none); `style`: CSS,
 * a constant of ours without < and &, or NULL where the page has it. */
void tca_svg_begin(struct tca_buf *out, const struct tca_svg_box *view, const char *title, const char *desc,
                   const char *style);
void tca_svg_end(struct tca_buf *out);

/* What belongs together: `id` of the place to link to, `title` is shown where a pointer rests. "" or NULL for none. */
void tca_svg_group(struct tca_buf *out, const char *class, const char *id, const char *title);
void tca_svg_group_end(struct tca_buf *out);

void tca_svg_rect(struct tca_buf *out, const struct tca_svg_box *box, int32_t radius, const char *class);
void tca_svg_line(struct tca_buf *out, int32_t x1, int32_t y1, int32_t x2, int32_t y2, const char *class);

/* A path, point by point: begin, to, to, ..., end. `pen`: false lifts it, so that another piece of the path begins. */
void tca_svg_path(struct tca_buf *out, const char *class);
void tca_svg_to(struct tca_buf *out, int32_t x, int32_t y, bool pen);
void tca_svg_path_end(struct tca_buf *out, bool closed);

void tca_svg_words(struct tca_buf *out, int32_t x, int32_t y, enum tca_svg_anchor anchor,
                   const struct tca_svg_font *font, const char *class, const char *words);

/* The same with a bold word before them and a blank between, as wide as both and the blank. */
void tca_svg_led(struct tca_buf *out, int32_t x, int32_t y, enum tca_svg_anchor anchor, int32_t size,
                 const char *class, const char *lead, const char *words);

/* A text as the inside of an element or of a quoted attribute, of XML and of HTML. */
void tca_svg_escape(struct tca_buf *out, const char *text);

/* How wide these words are at most, whichever of the usual sans-serif fonts is there. */
int32_t tca_svg_width(const char *words, const struct tca_svg_font *font);
/* Append as much of them as fits, with an ellipsis where that is not all. */
void tca_svg_fit(struct tca_buf *out, const char *words, int32_t room, const struct tca_svg_font *font);
/* Bytes of their first line, broken between words, or within one that is too long; never 0 where there are words. The next
 * line begins behind the blanks that follow. */
size_t tca_svg_line_of(const char *words, int32_t room, const struct tca_svg_font *font);

#endif
