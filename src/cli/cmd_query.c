#include "base/term.h"
#include "cli/grid.h"
#include "cli/run_json.h"
#include "store/schema.h"

#include <stdio.h>
#include <stdlib.h>

struct query_args {
    bool json, csv, schema;
    const char *state;
};

const struct opt query_opts[] = {
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON: one object a row",
     offsetof(struct query_args, json)},
    {"csv", 'c', OPT_FLAG, NULL, "Answer in CSV, with a line of names",
     offsetof(struct query_args, csv)},
    {"schema", 0, OPT_FLAG, NULL, "List the tables and views, with what they hold",
     offsetof(struct query_args, schema)},
    STATE_OPT(struct query_args, state),
};
const size_t query_opt_count = ARRAY_LEN(query_opts);

struct answer {
    const struct query_args *args;
    struct grid *grid;
    char **names; /* JSON: the keys */
    size_t columns, rows;
    bool failed;
};

static bool names_of(struct answer *answer, size_t columns, const char *const *names)
{
    answer->names = calloc(columns + 1, sizeof(*answer->names));
    answer->columns = answer->names ? columns : 0;
    for (size_t i = 0; i < answer->columns; i++) {
        answer->names[i] = strdup(names[i]);
        answer->failed = answer->failed || !answer->names[i];
    }
    answer->failed = answer->failed || !answer->names;
    return !answer->failed;
}

static bool json_row(void *data, size_t columns, const char *const *texts)
{
    struct answer *answer = data;
    json_t *row;

    if (!answer->names)
        return names_of(answer, columns, texts);
    row = json_object();
    for (size_t i = 0; i < columns; i++)
        (void)json_object_set_new(row, answer->names[i], run_json_value(texts[i]));
    (void)fputs(answer->rows++ ? ",\n " : " ", stdout);
    (void)json_dumpf(row, stdout, JSON_COMPACT);
    json_decref(row);
    return !ferror(stdout);
}

static bool csv_row(void *data, size_t columns, const char *const *texts)
{
    (void)data;
    for (size_t i = 0; i < columns; i++) {
        const char *text = texts[i] ? texts[i] : "";
        bool quoted = text[strcspn(text, ",\"\r\n")] != '\0';

        if (i)
            (void)putchar(',');
        if (quoted)
            (void)putchar('"');
        for (; *text; text++) {
            if (*text == '"')
                (void)putchar('"');
            (void)putchar(*text);
        }
        if (quoted)
            (void)putchar('"');
    }
    (void)putchar('\n');
    return !ferror(stdout);
}

static bool grid_row(void *data, size_t columns, const char *const *texts)
{
    struct answer *answer = data;

    if (!answer->grid) {
        struct grid_style style = {
            .out = stdout, .colour = term_has_colour(stdout), .indent = "", .null = "-"};

        answer->grid = grid_new(&style, texts, columns);
        answer->failed = !answer->grid;
    } else {
        grid_add(answer->grid, texts);
    }
    return !answer->failed && !ferror(stdout);
}

static int ask(struct state *state, const struct query_args *args, const char *sql)
{
    struct answer answer = {.args = args};
    struct err err = {0};
    int r;

    if (args->json)
        (void)puts("[");
    r = store_query(state->store, sql,
                    args->json  ? json_row
                    : args->csv ? csv_row
                                : grid_row,
                    &answer, &err);
    if (args->json)
        (void)puts(answer.rows ? "\n]" : "]");
    if (answer.grid)
        (void)grid_end(answer.grid);
    for (size_t i = 0; i < answer.columns; i++)
        free(answer.names[i]);
    free(answer.names);
    if (answer.failed)
        return subcommand_trouble(state->command, "no memory for the answer");
    return r < 0 ? subcommand_trouble(state->command, "%s", err.text) : EXIT_WELL;
}

static int print_schema(const struct query_args *args)
{
    json_t *list = args->json ? json_array() : NULL;

    for (size_t i = 0; i < schema_item_count; i++) {
        const struct schema_item *item = &schema_items[i];

        if (!item->name)
            continue;
        if (list)
            (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", item->name,
                                                        "what", item->what, "sql", item->sql));
        else
            (void)printf("%-15s %s\n", item->name, item->what);
    }
    if (list) {
        (void)json_dumpf(list, stdout, JSON_INDENT(1));
        (void)puts("");
    } else {
        (void)puts(
            "\nThe columns: firstlight query \"SELECT * FROM attempts LIMIT 3\", or --schema "
            "--json.");
    }
    json_decref(list);
    return EXIT_WELL;
}

int cmd_query(const struct subcommand *command, int argc, char **argv)
{
    struct query_args args = {0};
    struct state state;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (args.schema && words == 0)
        return print_schema(&args);
    if (words != 1)
        return subcommand_trouble(command, "write one query in quotes, or --schema");
    if (args.json && args.csv)
        return subcommand_trouble(command, "--json or --csv, not both");
    code = state_open(&state, command, args.state);
    if (code >= 0)
        return code;
    code = state.store ? ask(&state, &args, argv[0])
                       : subcommand_trouble(command, "%s: nothing was run yet", state.dir);
    state_close(&state);
    return code;
}
