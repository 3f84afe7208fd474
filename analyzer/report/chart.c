/* SPDX-License-Identifier: MIT
 *
 * Charts. Integers only, and paths of as few points as there are changes, so that the same counts make the same bytes.
 */
#include "report/chart.h"

#include <string.h>

#define PX(units) ((units)*TCA_SVG_UNIT)

enum {
    COLUMN = PX(2),
    WIDTH = TCA_CHART_COLUMNS * COLUMN,
    WORDS = PX(15), /* above a strip */
    TALL = PX(64),  /* a strip that matters, */
    LOW = PX(26),   /* and another one */
    BELOW = PX(9),  /* a strip */
    LEAST = PX(2),  /* what is not nothing is to be seen */
    TICK = PX(4),
    AXIS = PX(20),
    TICKS_MOST = 5,
};

static const struct tca_svg_font font_title = {.size = PX(12), .bold = true}, font_note = {.size = PX(12)},
                                 font_axis = {.size = PX(11)};

/* clang-format off */
const char tca_chart_style[] =
    ".axis{stroke:#9ca3af;stroke-width:1;fill:none}.base{stroke:#d1d5db;stroke-width:1}"
    ".queue{fill:#b45309}.good{fill:#15803d}.bad{fill:#b91c1c}.odd{fill:#7c3aed}.calm{fill:#64748b}"
    ".limit{stroke:#b91c1c;stroke-width:1.4;stroke-dasharray:6 3}"
    ".chart path{stroke:#6b7280;stroke-width:.4}"
    ".full{fill:#fecaca}.stall{fill:#fef3c7}"
    "@media (prefers-color-scheme:dark){.axis{stroke:#6b7280}.base{stroke:#374151}"
    ".queue{fill:#f59e0b}.good{fill:#4ade80}.bad{fill:#f87171}.odd{fill:#c4b5fd}.calm{fill:#94a3b8}"
    ".limit{stroke:#fca5a5}.full{fill:#4c1416}.stall{fill:#3a2f0b}}";
/* clang-format on */

void tca_chart_begin(struct tca_chart *c, int64_t from_ns, int64_t width_ns)
{
    *c = (struct tca_chart){.from_ns = from_ns, .width_ns = width_ns};
}

void tca_chart_span(struct tca_chart *c, int64_t first_ns, int64_t last_ns, const char *class)
{
    if (c->spans == TCA_CHART_SPANS || last_ns < first_ns)
        return;
    c->span[c->spans].first_ns = first_ns;
    c->span[c->spans].last_ns = last_ns;
    c->span[c->spans++].class = class;
}

/* ---- a strip ---- */

uint32_t tca_chart_most(const uint32_t *value)
{
    uint32_t most = 0;
    for (unsigned at = 0; at < TCA_CHART_COLUMNS; at++)
        most = value[at] > most ? value[at] : most;
    return most;
}

static void put_words(struct tca_chart *c, const struct tca_strip *strip)
{
    struct tca_buf title = {0};
    const int32_t y = c->y + PX(11), air = PX(10);
    tca_svg_fit(&title, strip->title, WIDTH - air - tca_svg_width(strip->note, &font_note), &font_title);
    tca_svg_words(&c->strips, 0, y, TCA_SVG_START, &font_title, "ink", tca_buf_text(&title));
    tca_svg_words(&c->strips, WIDTH, y, TCA_SVG_END, &font_note, "soft", strip->note);
    c->strips.failed |= title.failed;
    tca_buf_done(&title);
    c->y += WORDS;
}

/* How high a count stands where `most` is as high as the strip. */
static int32_t height_of(uint32_t value, uint32_t most, int32_t height)
{
    int32_t high = (int32_t)((uint64_t)value * (uint32_t)height / most);
    return value && high < LEAST ? LEAST : high;
}

static void put_counts(struct tca_chart *c, const struct tca_strip *strip, uint32_t most, int32_t height)
{
    const int32_t base = c->y + height;
    int32_t before = base;
    tca_svg_path(&c->strips, strip->class);
    tca_svg_to(&c->strips, 0, base, false);
    for (unsigned at = 0; at < TCA_CHART_COLUMNS; at++) {
        int32_t top = base - height_of(strip->value[at], most, height);
        if (top == before)
            continue;
        tca_svg_to(&c->strips, (int32_t)at * COLUMN, before, true);
        tca_svg_to(&c->strips, (int32_t)at * COLUMN, top, true);
        before = top;
    }
    tca_svg_to(&c->strips, WIDTH, before, true);
    tca_svg_to(&c->strips, WIDTH, base, true);
    tca_svg_path_end(&c->strips, true);
}

void tca_chart_strip(struct tca_chart *c, const struct tca_strip *strip)
{
    const int32_t height = strip->tall ? TALL : LOW;
    uint32_t most = tca_chart_most(strip->value);
    most = strip->limit > most ? strip->limit : most;
    put_words(c, strip);
    if (most)
        put_counts(c, strip, most, height);
    tca_svg_line(&c->strips, 0, c->y + height, WIDTH, c->y + height, "base");
    if (strip->limit) {
        int32_t y = c->y + height - height_of(strip->limit, most, height);
        tca_svg_line(&c->strips, 0, y, WIDTH, y, "limit");
    }
    c->y += height + BELOW;
}

/* ---- the axis ---- */

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

/* 1, 2, 5, 10 and so on of a unit, up to `most`. */
static int64_t step_by_ten(int64_t unit_ns, int64_t most_ns, int64_t least_ns)
{
    for (int64_t ten = unit_ns; ten < most_ns; ten *= 10)
        for (int times = 1; times <= 5; times += times == 1 ? 1 : 3)
            if (ten * times >= least_ns)
                return ten * times;
    return 0;
}

/* The smallest usual step that leaves few ticks. */
static int64_t step_of(int64_t span_ns)
{
    static const int32_t seconds[] = {1,   2,   5,    10,   15,   30,    60,    120,  300,
                                      600, 900, 1800, 3600, 7200, 10800, 21600, 43200};
    const int64_t least_ns = span_ns / TICKS_MOST + 1;
    int64_t step = step_by_ten(1, SECOND, least_ns);
    for (size_t at = 0; !step && at < sizeof seconds / sizeof seconds[0]; at++)
        step = seconds[at] * SECOND >= least_ns ? seconds[at] * SECOND : 0;
    if (!step)
        step = step_by_ten(DAY, 100000 * DAY, least_ns);
    return step ? step : INT64_MAX;
}

static void put_clock(struct tca_buf *out, int64_t time_ns, int64_t step_ns)
{
    struct tca_buf iso = {0};
    int digits = step_ns >= SECOND ? 0 : step_ns >= 1000000 ? 3 : step_ns >= 1000 ? 6 : 9;
    tca_buf_iso(&iso, time_ns, digits);
    const char *text = tca_buf_text(&iso), *clock = strchr(text, 'T');
    if (!clock || step_ns >= DAY)
        tca_buf_add(out, text, strcspn(text, "T"));
    else
        tca_buf_add(out, clock + 1, strcspn(clock + 1, "Z"));
    out->failed |= iso.failed;
    tca_buf_done(&iso);
}

static void put_tick(struct tca_chart *c, int64_t time_ns, int64_t step_ns)
{
    struct tca_buf clock = {0};
    const int64_t past_ns = time_ns - c->from_ns, rest_ns = past_ns % c->width_ns;
    int32_t x = (int32_t)(past_ns / c->width_ns) * COLUMN + (int32_t)(rest_ns * COLUMN / c->width_ns);
    put_clock(&clock, time_ns, step_ns);
    const char *label = tca_buf_text(&clock);
    int32_t half = tca_svg_width(label, &font_axis) / 2;
    tca_svg_line(&c->strips, x, c->y, x, c->y + TICK, "axis");
    if (x >= half && x + half <= WIDTH) /* moved inward it might meet the next one */
        tca_svg_words(&c->strips, x, c->y + PX(15), TCA_SVG_MIDDLE, &font_axis, "soft", label);
    c->strips.failed |= clock.failed;
    tca_buf_done(&clock);
}

static void put_axis(struct tca_chart *c)
{
    const int64_t span_ns = c->width_ns * TCA_CHART_COLUMNS, step_ns = step_of(span_ns);
    tca_svg_line(&c->strips, 0, c->y, WIDTH, c->y, "axis");
    int64_t past_ns = c->from_ns % step_ns;
    for (int64_t after_ns = past_ns ? step_ns - past_ns : 0; after_ns < span_ns; after_ns += step_ns)
        put_tick(c, c->from_ns + after_ns, step_ns);
    c->y += AXIS;
}

/* ---- all of it ---- */

static int32_t place_of(const struct tca_chart *c, int64_t time_ns)
{
    unsigned at = tca_timeline_column(c->from_ns, c->width_ns, time_ns);
    return time_ns < c->from_ns ? 0 : at == TCA_CHART_COLUMNS ? WIDTH : (int32_t)at * COLUMN;
}

static void put_spans(const struct tca_chart *c, struct tca_buf *out)
{
    for (size_t at = 0; at < c->spans; at++) {
        int32_t from = place_of(c, c->span[at].first_ns), to = place_of(c, c->span[at].last_ns) + COLUMN;
        struct tca_svg_box box = {from, 0, (to < WIDTH ? to : WIDTH) - from, c->y - AXIS};
        if (box.width > 0)
            tca_svg_rect(out, &box, 0, c->span[at].class);
    }
}

void tca_chart_end(struct tca_chart *c, const char *title, const char *desc, struct tca_buf *out)
{
    put_axis(c);
    struct tca_svg_box view = {0, 0, WIDTH, c->y};
    tca_svg_begin(out, &view, title, desc, NULL);
    put_spans(c, out);
    tca_buf_add(out, c->strips.bytes, c->strips.used);
    tca_svg_end(out);
    out->failed |= c->strips.failed;
    tca_buf_done(&c->strips);
}
