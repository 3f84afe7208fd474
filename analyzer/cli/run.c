/* SPDX-License-Identifier: MIT
 *
 * Reading captures and handing out what was asked for.
 *
 *     check outputs -> settings -> sandbox -> session -> plan -> read each item -> finish -> write -> exit status
 *
 * A capture that cannot be read is told and the others go on. The first SIGINT or SIGTERM stops reading
 * between two packets: what was read is judged and written whole.
 */
#include "run.h"

#include "confine.h"
#include "intake.h"
#include "output.h"
#include "planned.h"
#include "product.h"
#include "say.h"
#include "setup.h"
#include "signals.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct run {
    struct result result;
    const struct request *req;
    struct tca_plan *plan;
    struct confined confined;
    bool anything; /* at least one was read in part */
    bool cut;      /* by a signal, while captures were read: it was said */
};

/* ---- before reading ---- */

/* -w reads the captures again, and writes beside -o. */
static bool check_write(const struct request *req, const char *output)
{
    const char *path = request_value(req, OPTION_write, NULL);
    if (!path)
        return true;
    for (size_t i = 0; i < req->capture_count; i++) {
        if (is_stream(req->capture[i])) {
            say("%s: can be read once, and -w reads twice: save it as a file and name that",
                name_of(req->capture[i]));
            return false;
        }
    }
    if (is_stdin(path))
        return true;
    if (output && !is_stdin(output) && output_same_place(path, output)) {
        say("%s: named by -w and by -o: choose another name for one of them", path);
        return false;
    }
    return !intake_overwritten(req, path, "-w");
}

static bool format_known(const struct request *req)
{
    static const char *const texts[] = {"text", "svg", "html", "mermaid", "xplot", NULL},
                             *const censuses[] = {"csv", "jsonl", "ss", "nstat", NULL};
    const char *format = request_value(req, OPTION_format, NULL);
    if (!format)
        return true;
    if (req->command == COMMAND_explain)
        return request_word_known("format", format, texts);
    return req->command == COMMAND_states ? request_word_known("format", format, censuses)
                                          : request_form_known(req);
}

static bool check_request(const struct request *req)
{
    bool states = req->command == COMMAND_states;
    const char *path = request_value(req, OPTION_output, NULL);
    size_t from_stdin = 0;
    for (size_t i = 0; i < req->capture_count; i++)
        from_stdin += is_stdin(req->capture[i]);
    if (!req->capture_count)
        say("no capture given: name a file, or - for standard input");
    else if (from_stdin > 1)
        say("standard input can be read once: name '-' once");
    else if (req->command == COMMAND_report && (!path || is_stdin(path)))
        say("report needs a directory: -o DIR");
    else if (states && request_has(req, OPTION_at) &&
             strcmp(request_value(req, OPTION_format, "ss"), "ss") != 0)
        say("--at tells one moment: with --format ss");
    else if (request_has(req, OPTION_ascii) && strcmp(request_value(req, OPTION_format, "text"), "text") != 0)
        say("--ascii is of the text: leave it away, or --format");
    else
        return request_color_known(req) && format_known(req) &&
               (!path || is_stdin(path) || !intake_overwritten(req, path, "-o")) && check_write(req, path);
    return false;
}
/* ---- reading ---- */

static void show_progress(const struct run *run, size_t index)
{
    const struct tca_plan_item *item = tca_plan_item(run->plan, index);
    size_t items = tca_plan_items(run->plan);
    const char *name = name_of(item->unit->file->name);
    if (request_has(run->req, OPTION_verbose)) {
        say("reading %s", name);
    } else if (items > 1 && !request_has(run->req, OPTION_quiet) && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K[%zu/%zu] ", index + 1, items);
        put_clean(stderr, name);
    }
}

static void end_progress(const struct run *run)
{
    if (tca_plan_items(run->plan) > 1 && !request_has(run->req, OPTION_quiet) &&
        !request_has(run->req, OPTION_verbose) && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* A tca_told_fn: a capture was read, or could not be. */
static void told_capture(void *user, const char *capture, int code, const struct tca_error *error)
{
    struct run *run = user;
    bool fault = code == TCA_EINPUT || code == TCA_EUNSUPPORTED;
    bool warning = code == 0 && error->text[0] != '\0';
    bool cut = warning && error->frame > 0; /* of the others no record is to blame */
    if (code != 0 || (warning && !request_has(run->req, OPTION_quiet))) {
        end_progress(run);
        say_error(name_of(capture), error);
    }
    run->anything |= code == 0 || error->frame > 0;
    if (fault || (cut && request_has(run->req, OPTION_strict)))
        run->result.unreadable++;
}

static int read_captures(struct run *run)
{
    int r = 0;
    for (size_t i = 0; i < tca_plan_items(run->plan) && r == 0 && !signals_any(); i++) {
        show_progress(run, i);
        r = tca_session_read_item(run->result.session, run->plan, i, told_capture, run);
    }
    end_progress(run);
    run->cut = signals_any();
    if (run->cut && !request_has(run->req, OPTION_quiet))
        say("interrupted: what follows tells what had been read until then");
    if (r == 0) {
        struct tca_error error = {.offset = -1};
        r = tca_session_finish(run->result.session, &error);
        if (r != 0 || (error.text[0] != '\0' && !request_has(run->req, OPTION_quiet)))
            say_error(NULL, &error);
    }
    return r;
}

/* ---- writing ---- */

/* The packets first: a ladder that stands there then has its file. With both on standard output, packets alone. */
static int write_connection(struct run *run)
{
    const char *path = request_value(run->req, OPTION_output, "-");
    const char *packets = request_value(run->req, OPTION_write, NULL);
    int r = packets ? product_write(&run->result, PRODUCT_PACKETS, packets) : 0;
    if (r != 0 || (packets && is_stdin(packets) && is_stdin(path)))
        return r;
    return product_write(&run->result, PRODUCT_EXPLAIN, path);
}

static int write_report(struct run *run)
{
    const char *directory = request_value(run->req, OPTION_output, ".");
    int code = product_directory(directory);
    return code ? code : product_write_all(&run->result, directory, false);
}

static int write_all(struct run *run)
{
    static const enum product product[COMMAND_COUNT] = {
        [COMMAND_summary] = PRODUCT_SUMMARY, [COMMAND_flows] = PRODUCT_FLOWS,
        [COMMAND_events] = PRODUCT_EVENTS,   [COMMAND_listeners] = PRODUCT_LISTENERS,
        [COMMAND_states] = PRODUCT_STATES,   [COMMAND_settings] = PRODUCT_SETTINGS,
    };
    if (run->req->command == COMMAND_report)
        return write_report(run);
    if (!run->anything && run->result.unreadable)
        return 0; /* nothing was read: the errors say it all */
    if (run->req->command == COMMAND_explain)
        return write_connection(run);
    return product_write(&run->result, product[run->req->command],
                         request_value(run->req, OPTION_output, NULL));
}

/* ---- all of it ---- */

static enum exit_code status_of(struct run *run)
{
    if (signals_any())
        return signals_exit();
    return run->result.unreadable ? EXIT_INPUT : product_fail_on(&run->result);
}

/* A signal that came when all was read, and of which nothing was said so far. */
static void say_late(const struct run *run, int code)
{
    if (signals_any() && !run->cut && !request_has(run->req, OPTION_quiet))
        say(code ? "interrupted: not everything was told" : "interrupted, when everything was told");
}

static int open_session(struct run *run)
{
    struct tca_settings *set = NULL;
    int code = setup_new(run->req, &set);
    if (!code) {
        setup_say_left_aside(run->req, set);
        run->confined = confine(run->req);
        code = setup_open(set, &run->result.session);
    }
    tca_settings_free(set);
    return code;
}

static enum exit_code read_and_tell(struct run *run)
{
    signals_catch();
    int code = intake_plan(run->req, &run->plan);
    const char *name, *as;
    if (!code)
        run->result.captures -= tca_plan_again(run->plan, &name, &as);
    if (!code && request_has(run->req, OPTION_plan)) {
        planned_print(run->plan, NULL);
        return signals_any() ? signals_exit() : EXIT_DONE;
    }
    signals_interrupt(run->result.session);
    if (!code)
        code = read_captures(run);
    if (!code)
        code = write_all(run);
    if (code == TCA_EUSAGE && (signals_any() || run->result.unreadable))
        code = 0; /* what was asked for may stand in what was not read any more */
    say_late(run, code);
    enum exit_code status = code ? exit_for(code) : status_of(run);
    signals_interrupt(NULL);
    return status;
}

enum exit_code run_captures(struct request *req, int argc, char **argv)
{
    struct run run = {.req = req, .result = {.req = req, .argc = argc, .argv = argv}};
    int code = intake_open(req, request_has(req, OPTION_recursive));
    if (code)
        return exit_for(code);
    if (!check_request(req))
        return EXIT_USAGE;
    code = open_session(&run);
    code = code ? code : intake_sift(req);
    run.result.captures = req->capture_count;
    enum exit_code status = code ? exit_for(code) : read_and_tell(&run);
    tca_session_free(run.result.session);
    tca_plan_free(run.plan);
    confine_end(&run.confined);
    return status;
}
