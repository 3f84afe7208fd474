/* SPDX-License-Identifier: MIT
 *
 * A ladder as a page: the picture, and beside it what is found, with links to the frames it rests on.
 *
 * One file that asks for nothing else and runs nothing: its policy allows its own styles and no more, so whatever a capture
 * had put into it would stay words. The picture comes in strips of some rows each, one below the other without a seam,
 * since a printer cannot break one picture over two sheets.
 */
#include "report/picture.h"

#include "report/svg.h"

#include <string.h>

enum { STRIP_ROWS = 4 };

/* clang-format off */
static const char page_style[] =
    "html{color-scheme:light dark;-webkit-text-size-adjust:100%}"
    "body{margin:0 auto;max-width:76rem;padding:.8rem;font:15px/1.45 Arial,Helvetica,'Liberation Sans',sans-serif;"
    "color:#111827;background:#fff;overflow-wrap:anywhere}"
    "h1{font-size:1.25rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:1rem 0 .4rem}h3{font-size:1rem;margin:0}"
    "p{margin:.25rem 0}.small{font-size:.82rem;color:#4b5563}.say{font-size:1.05rem}"
    "ol{list-style:none;margin:0;padding:0}li{margin:0 0 .8rem;padding:.1rem 0 .1rem .6rem;border-left:.25rem solid #d1d5db}"
    ".low{border-color:#7a6200}.medium{border-color:#b45309}.high{border-color:#b91c1c}"
    ".chip{display:inline-block;min-width:1.3em;padding:0 .15em;border-radius:.25em;color:#fff;background:#4f5f9c;"
    "font-size:.85em;text-align:center;print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".low .chip{background:#7a6200}.medium .chip{background:#b45309}.high .chip{background:#b91c1c}"
    "a{color:#1d4ed8}svg{display:block;width:100%;height:auto}.ladder{max-width:44rem}"
    ".row:target .wire{stroke-width:3.5}.row:target .ink{text-decoration:underline}"
    "@media (min-width:60rem){main{display:grid;grid-template-columns:minmax(0,38rem) minmax(0,1fr);gap:2rem}"
    ".found{position:sticky;top:0;align-self:start;max-height:100vh;overflow:auto}}"
    "@media (prefers-color-scheme:dark){body{color:#f3f4f6;background:#0f172a}.small{color:#a5afbd}a{color:#93c5fd}"
    "li{border-color:#475569}}"
    "@media print{body{max-width:none;padding:0;font-size:10pt}main{display:block}.ladder{max-width:15cm}"
    ".strip,li{break-inside:avoid}.found{position:static;max-height:none;overflow:visible}a{color:inherit}}";
/* clang-format on */

/* ---- words ---- */

/* The text made for a moment, escaped. */
static void put(struct tca_explain *ex)
{
    tca_svg_escape(&ex->out, tca_buf_text(&ex->text));
    ex->out.failed |= ex->text.failed;
    tca_buf_reset(&ex->text);
}

static void put_text(struct tca_explain *ex, const char *text)
{
    tca_svg_escape(&ex->out, text);
}

static void put_markup(struct tca_explain *ex, const char *markup)
{
    tca_buf_str(&ex->out, markup);
}

/* ---- head ---- */

static void put_head(struct tca_explain *ex)
{
    put_markup(ex, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                   "'unsafe-inline'\"/>\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>");
    tca_picture_ends(ex, &ex->text);
    put(ex);
    put_markup(ex, "</title>\n<style>");
    put_markup(ex, page_style);
    put_markup(ex, tca_picture_style);
    put_markup(ex, "</style>\n</head>\n");
}

static void put_small(struct tca_explain *ex)
{
    put_markup(ex, "<p class=\"small\">");
    put(ex);
    put_markup(ex, "</p>\n");
}

static void put_about(struct tca_explain *ex)
{
    const struct tca_verdict *v = ex->view->v;
    put_markup(ex, "<header>\n<h1>");
    tca_picture_ends(ex, &ex->text);
    put(ex);
    put_markup(ex, "</h1>\n");
    if (v->verdict >= 0) {
        tca_buf_fmt(&ex->out, "<p><b>%s</b> (", tca_findings[v->judgement[v->verdict].id].id);
        tca_picture_weight(&v->judgement[v->verdict], &ex->text);
        put(ex);
        put_markup(ex, ")</p>\n");
    }
    put_markup(ex, "<p class=\"say\">");
    tca_picture_verdict(ex, &ex->text);
    put(ex);
    put_markup(ex, "</p>\n");
    tca_explain_names(ex, &ex->text);
    put_small(ex);
    tca_buf_fmt(&ex->text, "captured at: %s; first packet ", tca_vantage_name(ex->view->c->vantage));
    tca_buf_iso(&ex->text, explain_mirror(ex)->start_ns, 9);
    put_small(ex);
    tca_explain_numbers(ex, &ex->text);
    put_small(ex);
    for (int i = 0; tca_explain_kin(ex, i, &ex->text); i++)
        put_small(ex);
    put_markup(ex, "</header>\n");
}

/* ---- the ladder ---- */

static void put_strip(struct tca_explain *ex, struct canvas *c, size_t from)
{
    struct tca_svg_box view = {0, c->y, c->width, 0};
    struct tca_buf drawn = {0}, title = {0};
    size_t to = from + STRIP_ROWS < c->picture->rows ? from + STRIP_ROWS : c->picture->rows;
    if (!from)
        tca_canvas_heading(c);
    for (size_t i = from; i < to; i++)
        tca_canvas_row(c, c->picture->row[i]);
    if (to == c->picture->rows)
        tca_canvas_tail(c);
    tca_canvas_flush(c, &drawn);
    view.height = c->y - view.y;
    tca_buf_fmt(&title, "ladder, part %llu", (unsigned long long)(from / STRIP_ROWS + 1));
    put_markup(ex, "<div class=\"strip\">");
    tca_svg_begin(&ex->out, &view, tca_buf_text(&title), NULL, NULL);
    tca_buf_add(&ex->out, drawn.bytes, drawn.used);
    tca_svg_end(&ex->out);
    put_markup(ex, "</div>\n");
    ex->out.failed |= drawn.failed | title.failed;
    tca_buf_done(&drawn);
    tca_buf_done(&title);
}

void tca_picture_strips(struct tca_explain *ex, struct canvas *c)
{
    size_t from = 0;
    do {
        put_strip(ex, c, from);
        from += STRIP_ROWS;
    } while (from < c->picture->rows);
}

static void put_ladder(struct tca_explain *ex, const struct picture *picture)
{
    struct canvas c;
    put_markup(ex, "<section class=\"ladder\">\n");
    tca_canvas_begin(&c, ex, picture);
    tca_picture_strips(ex, &c);
    tca_canvas_done(&c);
    put_markup(ex, "<p>");
    tca_explain_ending(ex, &ex->text);
    put(ex);
    put_markup(ex,
               "</p>\n<p class=\"small\">A cross: judged ignored or lost. Dashed: sent again. A broken bar: "
               "silence. Numbers: the findings that rest on it.</p>\n");
    tca_explain_unshown(ex, &ex->text);
    if (ex->text.used)
        put_small(ex);
    put_markup(ex, "</section>\n");
}

/* ---- findings ---- */

static bool is_drawn(const struct picture *picture, const struct tca_judgement *j, int i)
{
    for (size_t k = 0; k < picture->rows; k++)
        if (!j->frame_capture[i] && picture->row[k]->kind == LADDER_SEGMENT &&
            picture->row[k]->frame == j->frame[i])
            return true;
    return false;
}

static void put_proof(struct tca_explain *ex, const struct picture *picture, const struct tca_judgement *j)
{
    for (int i = 0; i < j->frame_count; i++) {
        bool linked = is_drawn(picture, j, i);
        put_text(ex, i ? ", " : j->frame_count > 1 ? "; frames " : "; frame ");
        if (linked)
            put_markup(ex, "<a href=\"#f");
        for (int again = linked; again >= 0; again--) {
            tca_explain_proof(ex, j, i, &ex->text);
            put(ex);
            if (again)
                put_markup(ex, "\">");
        }
        if (linked)
            put_markup(ex, "</a>");
    }
}

static void put_advice(struct tca_explain *ex, const char *head, const char *text)
{
    if (!text || !text[0])
        return;
    put_markup(ex, "<p><b>");
    put_text(ex, head);
    put_markup(ex, "</b> ");
    put_text(ex, text);
    put_markup(ex, "</p>\n");
}

static void put_finding(struct tca_explain *ex, const struct picture *picture, int index)
{
    const struct tca_judgement *j = &ex->view->v->judgement[index];
    const struct tca_finding *f = &tca_findings[j->id];
    struct tca_sentence sentence;
    tca_buf_fmt(&ex->out, "<li class=\"%s\">\n<h3>", tca_severity_name(f->severity));
    if (tca_picture_marked(j))
        tca_buf_fmt(&ex->out, "<span class=\"chip\">%d</span> ", index + 1);
    put_text(ex, f->id);
    put_markup(ex, "</h3>\n<p class=\"small\">");
    tca_picture_weight(j, &ex->text);
    put(ex);
    put_proof(ex, picture, j);
    put_markup(ex, "</p>\n<p>");
    put_text(ex, tca_explain_says(ex, j, &sentence));
    put_markup(ex, "</p>\n");
    if (!f->normal)
        put_advice(ex, "Doubt:", f->doubt);
    if (!f->normal && f->severity > TCA_SEVERITY_INFO)
        put_advice(ex, "Host:", f->host);
    put_markup(ex, "</li>\n");
}

static void end_html(struct tca_explain *ex)
{
    const struct picture *picture = tca_picture_rows(ex);
    if (!picture)
        return;
    put_head(ex);
    put_markup(ex, "<body>\n");
    put_about(ex);
    put_markup(ex, "<main>\n");
    put_ladder(ex, picture);
    put_markup(ex, "<section class=\"found\">\n<h2>Findings</h2>\n<ol>\n");
    for (int i = 0; i < ex->view->v->count; i++)
        put_finding(ex, picture, i);
    put_markup(ex, "</ol>\n</section>\n</main>\n</body>\n</html>\n");
}

const struct tca_explain_form tca_explain_html = {
    .name = "html", .turns = 1, .head = tca_picture_begin, .entry = tca_picture_entry, .end = end_html};
