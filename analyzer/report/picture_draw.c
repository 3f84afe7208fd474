/* SPDX-License-Identifier: MIT
 *
 * The ladder drawn: a column for each thing told of a row, so that words of one never meet those of another.
 *
 *      left         client               arrows               server       marks
 *      frame 17   ┌───────────┐                             ┌───────────┐
 *      0.000000   │ SYN_SENT  │── SYN seq=0 ───────────────►│ SYN_RECV  │  [1] [3]
 *                 │           │                             │           │
 *                 ≈           ≈           ~ 1.02 s ~        ≈           ≈
 *
 * A bar is what an end's state is; it changes where the arrow is, since states are those after the segment. What is silence
 * breaks the bars, the higher the longer it was (one step for each doubling), so that timers show as what they are. Rows
 * are as high as what they say, and say it line by line; everything is placed by what came before it.
 *
 * Colour never stands alone: states are lettered, what was not taken ends in a cross, what was sent again is dashed, marks
 * are numbers.
 */
#include "report/picture.h"

#include "report/svg.h"

#include <string.h>

#define PX(units) ((units)*TCA_SVG_UNIT)

enum {
    EDGE = PX(6),       /* around everything */
    BAR = PX(76),       /* "ESTABLISHED", in its font */
    ARROWS = PX(240),   /* between the bars */
    MARKS = PX(38),     /* two chips side by side */
    CHIP = PX(17),      /* a number of a finding */
    LINE = PX(13),      /* of words in a row */
    ABOVE = PX(18),     /* from a row's top to its arrow */
    BELOW = PX(17),     /* and at least so much below */
    HEAD = PX(7),       /* of an arrow */
    LETTERED_EVERY = 8, /* rows: a state is written again */
    COMMENT_LINES = 2,
};
static const struct tca_svg_font font_frame = {.size = PX(12), .bold = true}, font_time = {.size = PX(10)},
                                 font_flags = {.size = PX(12), .bold = true}, font_numbers = {.size = PX(12)},
                                 font_note = {.size = PX(11)}, font_state = {.size = PX(9)},
                                 font_chip = {.size = PX(10), .bold = true};

/* ---- styles ---- */

/* clang-format off */
const char tca_picture_style[] =
    ".paper{fill:#fff}.ink{fill:#111827}.soft{fill:#4b5563}.wire{stroke:#374151;stroke-width:1.3;fill:none}"
    ".head{fill:#374151}.again{stroke:#b45309;stroke-dasharray:5 3}.head-again{fill:#b45309}.again-words{fill:#92400e}"
    ".lost{stroke:#b91c1c}.lost-words{fill:#b91c1c}.cross{stroke:#b91c1c;stroke-width:2.4;fill:none}"
    ".tear{stroke:#6b7280;stroke-width:1;fill:#fff}.fold{fill:#f3f4f6;stroke:#d1d5db}"
    ".state{fill:#111827}.cut{stroke-dasharray:2 3}"
    ".proof-info{fill:#eef2ff}.proof-low{fill:#fefce8}.proof-medium{fill:#fff3df}.proof-high{fill:#fee4e2}"
    ".chip-info{fill:#4f5f9c}.chip-low{fill:#7a6200}.chip-medium{fill:#b45309}.chip-high{fill:#b91c1c}.number{fill:#fff}"
    ".LISTEN{fill:#e5e7eb}.SYN_SENT{fill:#fde68a}.SYN_RECV{fill:#fdba74}.ESTABLISHED{fill:#86efac}"
    ".FIN_WAIT1{fill:#bfdbfe}.FIN_WAIT2{fill:#93c5fd}.CLOSE_WAIT{fill:#f9a8d4}.CLOSING{fill:#c4b5fd}"
    ".LAST_ACK{fill:#ddd6fe}.TIME_WAIT{fill:#a5f3fc}.CLOSED{fill:#d1d5db}.UNKNOWN{fill:#f9fafb}"
    "@media (prefers-color-scheme:dark){"
    ".paper{fill:#0f172a}.ink{fill:#f3f4f6}.soft{fill:#a5afbd}.wire{stroke:#cbd5e1}.head{fill:#cbd5e1}"
    ".again{stroke:#fbbf24}.head-again{fill:#fbbf24}.again-words{fill:#fcd34d}.lost{stroke:#f87171}.lost-words{fill:#fca5a5}"
    ".cross{stroke:#f87171}.tear{stroke:#94a3b8;fill:#0f172a}.fold{fill:#1e293b;stroke:#475569}.state{fill:#f9fafb}"
    ".proof-info{fill:#1b2547}.proof-low{fill:#2b2810}.proof-medium{fill:#33230e}.proof-high{fill:#3a1618}"
    ".LISTEN{fill:#374151}.SYN_SENT{fill:#6b5310}.SYN_RECV{fill:#7c3f0c}.ESTABLISHED{fill:#166534}"
    ".FIN_WAIT1{fill:#1e3a6e}.FIN_WAIT2{fill:#1e4f91}.CLOSE_WAIT{fill:#831843}.CLOSING{fill:#4c2f91}"
    ".LAST_ACK{fill:#54458f}.TIME_WAIT{fill:#155e75}.CLOSED{fill:#4b5563}.UNKNOWN{fill:#1f2937}}";
/* clang-format on */

/* ---- the canvas ---- */

/* The words made for a moment, and an empty buffer for the next ones. */
static const char *words(struct canvas *c)
{
    c->over.failed |= c->ex->text.failed;
    return tca_buf_text(&c->ex->text);
}

static int32_t width_of(struct canvas *c, const struct tca_svg_font *font)
{
    int32_t width = tca_svg_width(words(c), font);
    tca_buf_reset(&c->ex->text);
    return width;
}

/* As wide as the widest of what stands left of the bars. */
static int32_t left_width(struct canvas *c)
{
    int32_t widest = tca_svg_width("frame", &font_frame);
    for (size_t i = 0; i < c->picture->rows; i++) {
        const struct ladder_entry *e = c->picture->row[i];
        tca_explain_time(c->ex, e->time_ns, &c->ex->text);
        int32_t time = width_of(c, &font_time);
        tca_explain_spot(c->ex, e->spot, &c->ex->text);
        int32_t frame = e->frame ? width_of(c, &font_frame) : 0;
        tca_buf_reset(&c->ex->text);
        widest = time > widest ? time : widest;
        widest = frame > widest ? frame : widest;
    }
    return widest;
}

void tca_canvas_begin(struct canvas *c, struct tca_explain *ex, const struct picture *picture)
{
    *c = (struct canvas){.ex = ex, .picture = picture};
    c->left = EDGE;
    c->client = c->left + left_width(c) + EDGE;
    c->arrows = c->client + BAR;
    c->server = c->arrows + ARROWS;
    c->marks = c->server + BAR + EDGE;
    c->width = c->marks + MARKS + EDGE;
    for (int side = 0; side < 2; side++)
        c->state[side] = tca_first_state(&explain_mirror(ex)->side[side]);
}

void tca_canvas_done(struct canvas *c)
{
    tca_buf_done(&c->under);
    tca_buf_done(&c->bars);
    tca_buf_done(&c->over);
}

static int32_t bar_of(const struct canvas *c, int side)
{
    return side == TCA_CLIENT ? c->client : c->server;
}

static void letter(struct canvas *c, int side, int32_t y)
{
    tca_svg_words(&c->over, bar_of(c, side) + BAR / 2, y, TCA_SVG_MIDDLE, &font_state, "state",
                  tca_state_name(c->state[side]));
    c->quiet_rows[side] = 0;
}

/* What an end's bar was until here. */
static void end_bar(struct canvas *c, int side, int32_t y)
{
    struct tca_svg_box box = {bar_of(c, side), c->since[side], BAR, y - c->since[side]};
    if (box.height <= 0)
        return;
    tca_svg_rect(&c->bars, &box, 0, tca_state_name(c->state[side]));
    tca_svg_line(&c->bars, box.x, box.y, box.x, y, "tear"); /* no line across: a strip may end here */
    tca_svg_line(&c->bars, box.x + BAR, box.y, box.x + BAR, y, "tear");
    c->since[side] = y;
}

/* A bar's first, last or next state begins here. */
static void put_edge(struct canvas *c, int side, int32_t y)
{
    tca_svg_line(&c->over, bar_of(c, side), y, bar_of(c, side) + BAR, y, "tear");
}

/* Both ends are in these states from here on; lettered below. */
static void enter(struct canvas *c, const enum tca_state *state, int32_t y)
{
    for (int side = 0; side < 2; side++) {
        bool moves = state[side] != TCA_STATE_COUNT && state[side] != c->state[side];
        if (moves) {
            end_bar(c, side, y);
            put_edge(c, side, y);
            c->state[side] = state[side];
        }
        if (moves || ++c->quiet_rows[side] >= LETTERED_EVERY)
            letter(c, side, y + PX(11));
    }
}

void tca_canvas_flush(struct canvas *c, struct tca_buf *out)
{
    struct tca_buf *layer[] = {&c->under, &c->bars, &c->over};
    for (int side = 0; side < 2; side++)
        end_bar(c, side, c->y);
    for (size_t i = 0; i < sizeof layer / sizeof layer[0]; i++) {
        tca_buf_add(out, layer[i]->bytes, layer[i]->used);
        out->failed |= layer[i]->failed;
        tca_buf_reset(layer[i]);
    }
    c->quiet_rows[TCA_CLIENT] = c->quiet_rows[TCA_SERVER] = LETTERED_EVERY; /* written again in the next */
}

/* ---- lines of words ---- */

/* Words between the bars, broken into at most so many lines; where the next line would stand. */
static int32_t lines(struct canvas *c, int32_t y, const char *text, const struct tca_svg_font *font,
                     const char *class, int most)
{
    const int32_t room = ARROWS - 2 * EDGE, middle = c->arrows + ARROWS / 2;
    struct tca_buf line = {0};
    for (int i = 0; *text && i < most; i++) {
        size_t length = tca_svg_line_of(text, room, font);
        if (i + 1 < most)
            tca_buf_add(&line, text, length);
        else
            tca_svg_fit(&line, text, room, font);
        tca_svg_words(&c->over, middle, y, TCA_SVG_MIDDLE, font, class, tca_buf_text(&line));
        c->over.failed |= line.failed;
        tca_buf_reset(&line);
        text += length;
        text += strspn(text, " ");
        y += LINE;
    }
    tca_buf_done(&line);
    return y;
}

static void put_place(struct canvas *c, const struct ladder_entry *e, int32_t y)
{
    int32_t right = c->client - EDGE;
    if (e->frame) {
        tca_explain_spot(c->ex, e->spot, &c->ex->text);
        tca_svg_words(&c->over, right, y, TCA_SVG_END, &font_frame, "ink", words(c));
        tca_buf_reset(&c->ex->text);
    }
    tca_explain_time(c->ex, e->time_ns, &c->ex->text);
    tca_svg_words(&c->over, right, y + PX(11), TCA_SVG_END, &font_time, "soft", words(c));
    tca_buf_reset(&c->ex->text);
}

/* ---- silence ---- */

static const int64_t SHORT_GAP_NS = 250000000;

static int32_t gap_height(int64_t gap_ns)
{
    int32_t height = PX(17);
    for (int steps = 0; gap_ns > SHORT_GAP_NS && steps < 10; steps++, gap_ns /= 2)
        height += PX(5);
    return height;
}

/* A bar that is broken: what lies between is not drawn at its length. */
static void tear(struct canvas *c, int32_t x, int32_t y)
{
    enum { TEETH = 6, TOOTH = PX(3), BAND = PX(4) };
    tca_svg_path(&c->over, "tear");
    for (int i = 0; i <= TEETH; i++)
        tca_svg_to(&c->over, x + BAR * i / TEETH, y + (i % 2 ? TOOTH : 0), i != 0);
    for (int i = TEETH; i >= 0; i--)
        tca_svg_to(&c->over, x + BAR * i / TEETH, y + BAND + (i % 2 ? TOOTH : 0), true);
    tca_svg_path_end(&c->over, true);
}

static void put_gap(struct canvas *c, const struct ladder_entry *e)
{
    if (e->gap_ns < 0)
        return;
    int32_t height = gap_height(e->gap_ns), middle = c->y + height / 2;
    tca_buf_str(&c->ex->text, "~ ");
    tca_explain_elapsed(&c->ex->text, e->gap_ns);
    tca_buf_str(&c->ex->text, " ~");
    tca_svg_words(&c->over, c->arrows + ARROWS / 2, middle + PX(4), TCA_SVG_MIDDLE, &font_note, "soft",
                  words(c));
    tca_buf_reset(&c->ex->text);
    for (int side = 0; side < 2; side++)
        tear(c, bar_of(c, side), middle - PX(3));
    c->y += height;
}

/* ---- marks ---- */

static void put_chip(struct canvas *c, int at, int32_t y, int number, int severity)
{
    struct tca_svg_box box = {c->marks + at % 2 * (CHIP + PX(3)), y + at / 2 * PX(15), CHIP, PX(13)};
    tca_buf_fmt(&c->ex->text, "chip-%s", tca_severity_name((enum tca_severity)severity));
    tca_svg_rect(&c->over, &box, PX(3), words(c));
    tca_buf_reset(&c->ex->text);
    tca_buf_fmt(&c->ex->text, "%d", number);
    tca_svg_words(&c->over, box.x + CHIP / 2, box.y + PX(10), TCA_SVG_MIDDLE, &font_chip, "number", words(c));
    tca_buf_reset(&c->ex->text);
}

/* The findings that rest on this row, by their numbers; where the last of them ends. */
static int32_t put_chips(struct canvas *c, const struct ladder_entry *e, int32_t y)
{
    const struct tca_verdict *v = c->ex->view->v;
    int count = 0;
    for (int i = 0; i < v->count; i++)
        if (tca_picture_marked(&v->judgement[i]) && tca_picture_proves(&v->judgement[i], e))
            put_chip(c, count++, y, i + 1, (int)tca_findings[v->judgement[i].id].severity);
    return y + (count + 1) / 2 * PX(15);
}

static void put_tint(struct canvas *c, const struct ladder_entry *e, int32_t y, int32_t height)
{
    int severity = tca_picture_severity(c->ex, e);
    if (severity < 0)
        return;
    struct tca_svg_box box = {0, y, c->width, height};
    tca_buf_fmt(&c->ex->text, "proof-%s", tca_severity_name((enum tca_severity)severity));
    tca_svg_rect(&c->under, &box, 0, words(c));
    tca_buf_reset(&c->ex->text);
}

/* ---- segments ---- */

static void put_cross(struct canvas *c, int32_t x, int32_t y)
{
    const int32_t arm = PX(5);
    tca_svg_path(&c->over, "cross");
    tca_svg_to(&c->over, x - arm, y - arm, false);
    tca_svg_to(&c->over, x + arm, y + arm, true);
    tca_svg_to(&c->over, x - arm, y + arm, false);
    tca_svg_to(&c->over, x + arm, y - arm, true);
    tca_svg_path_end(&c->over, false);
}

static void put_head(struct canvas *c, int32_t x, int32_t y, int32_t back, bool repeat)
{
    tca_svg_path(&c->over, repeat ? "head-again" : "head");
    tca_svg_to(&c->over, x, y, false);
    tca_svg_to(&c->over, x + back, y - HEAD / 2, true);
    tca_svg_to(&c->over, x + back, y + HEAD / 2, true);
    tca_svg_path_end(&c->over, true);
}

/* From the sender's bar to the other; one that was not taken ends before it, in a cross. */
static void put_arrow(struct canvas *c, const struct ladder_entry *e, int32_t y)
{
    const int32_t near = PX(2), short_of = PX(14);
    int32_t from = c->arrows + near, to = c->server - near, back = -HEAD;
    if (e->from == TCA_SERVER) {
        int32_t swapped = from;
        from = to;
        to = swapped;
        back = HEAD;
    }
    if (e->ignored)
        to += back > 0 ? short_of : -short_of;
    tca_buf_fmt(&c->ex->text, "wire%s%s", e->repeat ? " again" : "", e->ignored ? " lost" : "");
    tca_svg_line(&c->over, from, y, e->ignored ? to : to + back, y, words(c));
    tca_buf_reset(&c->ex->text);
    if (e->ignored)
        put_cross(c, to, y);
    else
        put_head(c, to, y, back, e->repeat);
}

/* Flags at the sender's end of the arrow, its numbers beside them if there is room; false: they are to stand below. */
static bool put_label(struct canvas *c, const struct ladder_entry *e, int32_t y)
{
    const int32_t inset = PX(6);
    int32_t width = tca_svg_width(e->flags, &font_flags) + tca_svg_width(" ", &font_numbers) +
                    tca_svg_width(e->numbers, &font_numbers);
    bool beside = width <= ARROWS - 2 * inset, server = e->from == TCA_SERVER;
    tca_svg_led(&c->over, server ? c->server - inset : c->arrows + inset, y,
                server ? TCA_SVG_END : TCA_SVG_START, font_flags.size, "ink", e->flags,
                beside ? e->numbers : "");
    return beside;
}

static int32_t put_notes(struct canvas *c, const struct ladder_entry *e, int32_t y)
{
    if (e->name[0])
        y = lines(c, y, e->name, &font_note, e->repeat ? "again-words" : "soft", 2);
    if (e->parted)
        y = lines(c, y, tca_explain_parting, &font_note, "lost-words", 3);
    if (!e->comment)
        return y;
    struct tca_buf comment = {0};
    tca_buf_str(&comment, "# ");
    tca_text_clean(&comment, e->comment, true);
    y = lines(c, y, tca_buf_text(&comment), &font_note, "soft", COMMENT_LINES);
    c->over.failed |= comment.failed;
    tca_buf_done(&comment);
    return y;
}

static void put_segment(struct canvas *c, const struct ladder_entry *e)
{
    int32_t top = c->y, arrow = top + ABOVE, below = arrow + LINE;
    if (!put_label(c, e, arrow - PX(5)))
        below = lines(c, below, e->numbers, &font_numbers, "ink", 2);
    put_arrow(c, e, arrow);
    put_place(c, e, arrow - PX(1));
    enter(c, e->state, arrow);
    int32_t end = put_notes(c, e, below) - LINE + PX(5), chips = put_chips(c, e, top + PX(2));
    end = end > arrow + BELOW ? end : arrow + BELOW;
    c->y = end > chips ? end : chips;
    put_tint(c, e, top, c->y - top);
}

/* ---- what stands for several, and clocks ---- */

static void put_several(struct canvas *c, const struct ladder_entry *e)
{
    const int32_t top = c->y + PX(3), inset = PX(4), room = ARROWS - 2 * EDGE;
    struct tca_buf *text = &c->ex->text;
    tca_picture_frames(c->ex, e, text);
    if (e->kind == LADDER_CUT)
        tca_buf_str(text, " left out");
    int32_t y = lines(c, top + PX(13), words(c), &font_note, "ink", 2);
    tca_buf_reset(text);
    tca_explain_fold(e, text);
    if (tca_svg_width(words(c), &font_note) <= room)
        y = lines(c, y, words(c), &font_note, "soft", 1);
    else
        y = lines(c, y, words(c), &font_note, "soft", 2);
    tca_buf_reset(text);
    struct tca_svg_box box = {c->arrows + inset, top, ARROWS - 2 * inset, y - LINE + PX(6) - top};
    tca_svg_rect(&c->under, &box, PX(4), e->kind == LADDER_CUT ? "fold cut" : "fold");
    if (e->kind == LADDER_CUT)
        for (int side = 0; side < 2; side++)
            tear(c, bar_of(c, side), top + PX(6));
    put_place(c, e, top + PX(13));
    enter(c, e->state, top + box.height / 2 + PX(2));
    c->y = top + box.height + PX(3);
}

static void put_timer(struct canvas *c, const struct ladder_entry *e)
{
    int32_t top = c->y, arrow = top + PX(9);
    tca_explain_timer_words(e, &c->ex->text);
    lines(c, arrow + PX(4), words(c), &font_note, "soft", 2);
    tca_buf_reset(&c->ex->text);
    put_place(c, e, arrow - PX(7));
    enter(c, e->state, arrow);
    c->y = top + PX(9) + BELOW + PX(4);
}

void tca_canvas_row(struct canvas *c, const struct ladder_entry *e)
{
    static void (*const put[])(struct canvas *,
                               const struct ladder_entry *) = {[LADDER_SEGMENT] = put_segment,
                                                               [LADDER_FOLD] = put_several,
                                                               [LADDER_TIMER] = put_timer,
                                                               [LADDER_CUT] = put_several};
    struct tca_buf title = {0}, id = {0};
    put_gap(c, e);
    tca_picture_title(c->ex, e, &title);
    if (e->frame && !c->nameless) {
        tca_buf_char(&id, 'f');
        tca_explain_spot(c->ex, e->spot, &id);
    }
    tca_svg_group(&c->over, "row", tca_buf_text(&id), tca_buf_text(&title));
    put[e->kind](c, e);
    tca_svg_group_end(&c->over);
    c->over.failed |= title.failed | id.failed;
    tca_buf_done(&title);
    tca_buf_done(&id);
}

/* ---- both ends of it ---- */

void tca_canvas_heading(struct canvas *c)
{
    int32_t right = c->client - EDGE, y = c->y + PX(12);
    tca_svg_words(&c->over, right, y, TCA_SVG_END, &font_note, "soft", "frame");
    tca_svg_words(&c->over, right, y + PX(13), TCA_SVG_END, &font_time, "soft", "time");
    for (int side = 0; side < 2; side++)
        tca_svg_words(&c->over, bar_of(c, side) + BAR / 2, y, TCA_SVG_MIDDLE, &font_frame, "ink",
                      tca_explain_role[side]);
    c->y += PX(17);
    for (int side = 0; side < 2; side++) {
        c->since[side] = c->y;
        put_edge(c, side, c->y);
        letter(c, side, c->y + PX(12));
    }
    c->y += PX(18);
}

void tca_canvas_tail(struct canvas *c)
{
    c->y += PX(10);
    for (int side = 0; side < 2; side++)
        put_edge(c, side, c->y);
}
