#include "cli/run_json.h"

#include "cli/grid.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define SQL_BYTES_MAX 4096

static json_t *told(int64_t number)
{
    return number < 0 ? json_null() : json_integer(number);
}

static json_t *text_of(const char *text)
{
    json_t *value = json_string(text);

    return value ? value : json_string("(not UTF-8)");
}

json_t *run_json(const struct store_run *run)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:o, "
                     "s:o}",
                     "run", run->id, "name", run->name, "state", state_word(run), "alive",
                     run->alive, "host", run->host, "pid", told(run->pid), "attempt",
                     (json_int_t)run->attempt, "nodes", (json_int_t)run->nodes, "ranks",
                     (json_int_t)run->world, "step", told(run->step), "total", told(run->total),
                     "loss", isfinite(run->loss) ? json_real(run->loss) : json_null(), "created_ns",
                     (json_int_t)run->created_ns, "ended_ns", told(run->ended_ns), "exit_code",
                     told(run->exit_code), "headline", text_of(run->headline));
}

json_t *run_json_value(const char *text)
{
    json_t *value = NULL;

    if (!text)
        return json_null();
    if (grid_is_number(text))
        value = json_loads(text, JSON_DECODE_ANY, NULL);
    return value ? value : text_of(text);
}

struct rows {
    struct arena *arena;
    const char **names;
    json_t *list;
};

static bool add_row(void *data, size_t columns, const char *const *texts)
{
    struct rows *rows = data;
    json_t *row;

    if (!rows->names) {
        rows->names = arena_alloc(rows->arena, (columns + 1) * sizeof(*rows->names));
        for (size_t i = 0; rows->names && i < columns; i++)
            rows->names[i] = arena_copy(rows->arena, texts[i], strlen(texts[i]));
        return rows->names;
    }
    row = json_object();
    for (size_t i = 0; i < columns; i++)
        (void)json_object_set_new(row, rows->names[i], run_json_value(texts[i]));
    return json_array_append_new(rows->list, row) == 0;
}

int run_json_rows(struct state *state, const char *run, const char *sql, int rows_max, json_t **out,
                  struct err *err)
{
    struct rows rows = {.arena = state->arena, .list = json_array()};
    char text[SQL_BYTES_MAX];
    int r;

    (void)snprintf(text, sizeof(text), sql, run, rows_max); /* an id has no quotes */
    r = rows.list ? store_query(state->store, text, add_row, &rows, err)
                  : err_set(err, -ENOMEM, "no memory for the answer");
    if (r < 0)
        json_decref(rows.list);
    else
        *out = rows.list;
    return r;
}
