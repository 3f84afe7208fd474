/* SPDX-License-Identifier: MIT
 *
 * The tables of options, commands, exit codes and of what an option's value may be, apart from the parser: the program and the
 * generator of its manual (manual/) are linked with the same ones.
 */
#include "options.h"

/* clang-format off */
#define BIT(command) (1u << COMMAND_##command)
#define DIFF BIT(diff)
#define EVENTS BIT(events)
#define EXPLAIN BIT(explain)
#define REPORT BIT(report)
#define SCHEMA BIT(schema)
#define STATES BIT(states)
#define TABLES (BIT(flows) | EVENTS | BIT(listeners) | STATES | BIT(settings))
#define SCAN BIT(scan)
#define MERGE BIT(merge)
#define CAPTURES (BIT(summary) | TABLES | EXPLAIN | REPORT)
#define READING (CAPTURES | SCAN)
#define ANY (~0u)
const struct option_info option_table[OPTION_COUNT] = {
#define OPTION(id, letter, name, argument, kind, commands, group, standard, meaning, cost) \
    [OPTION_##id] = {letter, name, argument, KIND_##kind, commands, GROUP_##group, standard, meaning, cost},
#include "options.def"
#undef OPTION
};

const struct option_value value_table[] = {
#define VALUE(option, commands, kind, words) {OPTION_##option, commands, VALUE_##kind, words},
#include "values.def"
#undef VALUE
};
const size_t value_count = sizeof value_table / sizeof value_table[0];
#undef DIFF
#undef EVENTS
#undef EXPLAIN
#undef REPORT
#undef SCHEMA
#undef STATES
#undef TABLES
#undef READING
#undef CAPTURES
#undef SCAN
#undef MERGE
#undef ANY

const struct command_info command_table[COMMAND_COUNT] = {
#define COMMAND(name, arguments, meaning) [COMMAND_##name] = {#name, arguments, meaning},
#include "commands.def"
#undef COMMAND
};

const struct exit_info exit_table[] = {
#define EXIT(name, value, meaning) {value, meaning},
#include "exit.def"
#undef EXIT
};
const size_t exit_count = sizeof exit_table / sizeof exit_table[0];
/* clang-format on */

const char *const group_title[GROUP_COUNT] = {
    [GROUP_INPUT] = "Input", [GROUP_JUDGE] = "Judgement", [GROUP_OUTPUT] = "Output", [GROUP_RUN] = "Run"};
