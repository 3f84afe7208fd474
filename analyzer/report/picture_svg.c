/* SPDX-License-Identifier: MIT
 *
 * A ladder as one picture: which connection and what is to be said of it first, the ladder, the findings by their numbers.
 */
#include "report/picture.h"

#include "report/svg.h"

#include <string.h>

#define PX(units) ((units)*TCA_SVG_UNIT)
enum { EDGE = PX(8), INDENT = PX(26), MOST_LINES = 12 };

static const struct tca_svg_font font_title = {.size = PX(14), .bold = true},
                                 font_strong = {.size = PX(12), .bold = true}, font_text = {.size = PX(12)},
                                 font_small = {.size = PX(10)};

/* What is written below what. */
struct page {
    struct tca_explain *ex;
    struct tca_buf out;
    int32_t x, y, width;
};

/* A paragraph of the text made for a moment; the next one stands below it. */
static void paragraph(struct page *p, const struct tca_svg_font *font, const char *class)
{
    const char *text = tca_buf_text(&p->ex->text);
    const int32_t room = p->width - EDGE - p->x, leading = font->size + PX(3);
    struct tca_buf line = {0};
    for (int i = 0; *text && i < MOST_LINES; i++) {
        size_t length = tca_svg_line_of(text, room, font);
        if (i + 1 < MOST_LINES)
            tca_buf_add(&line, text, length);
        else
            tca_svg_fit(&line, text, room, font);
        p->y += leading;
        tca_svg_words(&p->out, p->x, p->y, TCA_SVG_START, font, class, tca_buf_text(&line));
        p->out.failed |= line.failed;
        tca_buf_reset(&line);
        text += length;
        text += strspn(text, " ");
    }
    tca_buf_done(&line);
    p->out.failed |= p->ex->text.failed;
    tca_buf_reset(&p->ex->text);
}

static void say(struct page *p, const struct tca_svg_font *font, const char *class, const char *text)
{
    tca_buf_str(&p->ex->text, text);
    paragraph(p, font, class);
}

/* ---- head ---- */

static void put_verdict(struct page *p)
{
    const struct tca_verdict *v = p->ex->view->v;
    struct tca_buf *text = &p->ex->text;
    p->y += PX(4);
    if (v->verdict >= 0) {
        const struct tca_judgement *j = &v->judgement[v->verdict];
        tca_buf_fmt(text, "%s (", tca_findings[j->id].id);
        tca_picture_weight(j, text);
        tca_buf_char(text, ')');
        paragraph(p, &font_strong, tca_findings[j->id].severity > TCA_SEVERITY_LOW ? "lost-words" : "ink");
    }
    tca_picture_verdict(p->ex, text);
    paragraph(p, &font_text, "ink");
}

static void put_about(struct page *p)
{
    struct tca_buf *text = &p->ex->text;
    tca_picture_ends(p->ex, text);
    paragraph(p, &font_title, "ink");
    put_verdict(p);
    p->y += PX(4);
    tca_explain_names(p->ex, text);
    paragraph(p, &font_small, "soft");
    tca_buf_fmt(text, "captured at: %s; first packet ", tca_vantage_name(p->ex->view->c->vantage));
    tca_buf_iso(text, explain_mirror(p->ex)->start_ns, 9);
    paragraph(p, &font_small, "soft");
    tca_explain_numbers(p->ex, text);
    paragraph(p, &font_small, "soft");
    for (int i = 0; tca_explain_kin(p->ex, i, text); i++)
        paragraph(p, &font_small, "soft");
    p->y += PX(10);
}

/* ---- foot ---- */

static void put_number(struct page *p, int number, enum tca_severity severity)
{
    struct tca_svg_box box = {EDGE, p->y + PX(4), PX(18), PX(13)};
    tca_buf_fmt(&p->ex->text, "chip-%s", tca_severity_name(severity));
    tca_svg_rect(&p->out, &box, PX(3), tca_buf_text(&p->ex->text));
    tca_buf_reset(&p->ex->text);
    tca_buf_fmt(&p->ex->text, "%d", number);
    tca_svg_words(&p->out, box.x + box.width / 2, box.y + PX(10), TCA_SVG_MIDDLE, &font_small, "number",
                  tca_buf_text(&p->ex->text));
    tca_buf_reset(&p->ex->text);
}

static void put_finding(struct page *p, const struct tca_judgement *j, int number)
{
    struct tca_buf *text = &p->ex->text;
    struct tca_sentence sentence;
    p->y += PX(4);
    if (tca_picture_marked(j))
        put_number(p, number, tca_findings[j->id].severity);
    tca_buf_fmt(text, "%s (", tca_findings[j->id].id);
    tca_picture_weight(j, text);
    tca_buf_char(text, ')');
    paragraph(p, &font_strong, "ink");
    tca_buf_str(text, tca_explain_says(p->ex, j, &sentence));
    paragraph(p, &font_text, "ink");
    for (int i = 0; i < j->frame_count; i++) {
        tca_buf_str(text, i ? ", " : j->frame_count > 1 ? "frames " : "frame ");
        tca_explain_proof(p->ex, j, i, text);
    }
    paragraph(p, &font_small, "soft");
}

static void put_foot(struct page *p)
{
    const struct tca_verdict *v = p->ex->view->v;
    tca_explain_ending(p->ex, &p->ex->text);
    paragraph(p, &font_text, "ink");
    say(p, &font_small, "soft",
        "A cross: judged ignored or lost. Dashed: sent again. A broken bar: silence. Numbers: the findings "
        "that rest on it.");
    tca_explain_unshown(p->ex, &p->ex->text);
    paragraph(p, &font_small, "soft");
    p->x = EDGE + INDENT;
    for (int i = 0; i < v->count; i++)
        put_finding(p, &v->judgement[i], i + 1);
    p->y += PX(12);
}

/* ---- all of it ---- */

static void put_ladder(struct page *p, struct canvas *c)
{
    tca_canvas_heading(c);
    for (size_t i = 0; i < c->picture->rows; i++)
        tca_canvas_row(c, c->picture->row[i]);
    tca_canvas_tail(c);
    tca_canvas_flush(c, &p->out);
}

static void write_picture(struct tca_explain *ex, const struct page *p)
{
    struct tca_svg_box view = {0, 0, p->width, p->y};
    struct tca_buf title = {0}, desc = {0};
    tca_buf_str(&title, "TCP connection ");
    tca_picture_ends(ex, &title);
    tca_picture_verdict(ex, &desc);
    tca_svg_begin(&ex->out, &view, tca_buf_text(&title), tca_buf_text(&desc), tca_picture_style);
    tca_svg_rect(&ex->out, &view, 0, "paper");
    tca_buf_add(&ex->out, p->out.bytes, p->out.used);
    tca_svg_end(&ex->out);
    ex->out.failed |= title.failed | desc.failed | p->out.failed;
    tca_buf_done(&title);
    tca_buf_done(&desc);
}

static void end_svg(struct tca_explain *ex)
{
    const struct picture *picture = tca_picture_rows(ex);
    struct canvas c;
    if (!picture)
        return;
    tca_canvas_begin(&c, ex, picture);
    struct page p = {.ex = ex, .x = EDGE, .y = EDGE, .width = c.width};
    put_about(&p);
    c.y = p.y;
    put_ladder(&p, &c);
    p.y = c.y + PX(4);
    put_foot(&p);
    write_picture(ex, &p);
    tca_canvas_done(&c);
    tca_buf_done(&p.out);
}

const struct tca_explain_form tca_explain_svg = {
    .name = "svg", .turns = 1, .head = tca_picture_begin, .entry = tca_picture_entry, .end = end_svg};
