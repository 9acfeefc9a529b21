#include "layout.h"

#include <assert.h>

#define MEM32_START  UINT64_C(0x80000000)
#define MEM32_END    UINT64_C(0xfb000000)
#define PREF64_START UINT64_C(0x200000000000)
#define PREF64_STEP  UINT64_C(0x10000000000) /* per root */
#define WINDOW_ALIGN UINT64_C(0x100000)

struct cursor {
    struct machine *machine;
    uint64_t mem, pref;
    uint8_t bus;
};

static uint64_t align_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* The largest alignment that anything below `index` (itself included) wants of kind pref or mem. */
static uint64_t widest(const struct machine *machine, int index, bool pref)
{
    const struct function *function = &machine->functions[index];
    uint64_t most = WINDOW_ALIGN;

    for (int i = 0; i < 6; i++) {
        int kind = function->type->bars[i].kind;

        if (kind == BAR_NONE || (kind == BAR_PREF64) != pref)
            continue;
        if (UINT64_C(1) << function->bar_bits[i] > most)
            most = UINT64_C(1) << function->bar_bits[i];
    }
    for (int i = index + 1; i < machine->count; i++) {
        if (machine->functions[i].parent == index && !machine->functions[i].absent) {
            uint64_t below = widest(machine, i, pref);

            if (below > most)
                most = below;
        }
    }
    return most;
}

static void place_bars(struct cursor *cursor, struct function *function)
{
    /* Largest first, so that little is lost to alignment. */
    for (int bits = 63; bits >= 4; bits--) {
        for (int i = 0; i < 6; i++) {
            int kind = function->type->bars[i].kind;
            uint64_t *at = kind == BAR_PREF64 ? &cursor->pref : &cursor->mem;

            if (kind == BAR_NONE || function->bar_bits[i] != bits)
                continue;
            *at = align_up(*at, UINT64_C(1) << bits);
            function->bar_address[i] = *at;
            *at += UINT64_C(1) << bits;
        }
    }
}

static void place(struct cursor *cursor, int index)
{
    struct machine *machine = cursor->machine;
    struct function *function = &machine->functions[index];

    place_bars(cursor, function);
    if (!function_is_bridge(function))
        return;
    function->secondary = ++cursor->bus;
    cursor->mem = align_up(cursor->mem, widest(machine, index, false));
    cursor->pref = align_up(cursor->pref, widest(machine, index, true));
    function->mem_base = cursor->mem;
    function->pref_base = cursor->pref;
    for (int i = index + 1; i < machine->count; i++) {
        if (machine->functions[i].parent == index && !machine->functions[i].absent) {
            machine->functions[i].bus = function->secondary;
            place(cursor, i);
        }
    }
    cursor->mem = align_up(cursor->mem, WINDOW_ALIGN);
    cursor->pref = align_up(cursor->pref, WINDOW_ALIGN);
    function->mem_end = cursor->mem;
    function->pref_end = cursor->pref;
    function->subordinate = cursor->bus;
}

void layout_place(struct machine *machine)
{
    struct cursor cursor = {.machine = machine, .mem = MEM32_START};

    for (int root = 0; root < machine->root_count; root++) {
        if (root > 0 && machine->roots[root].domain != machine->roots[root - 1].domain)
            cursor.mem = MEM32_START;
        cursor.pref = PREF64_START + (uint64_t)root * PREF64_STEP;
        cursor.bus = machine->roots[root].bus;
        for (int i = 0; i < machine->count; i++) {
            struct function *function = &machine->functions[i];

            if (function->root != root || function->parent >= 0 || function->absent)
                continue;
            function->bus = machine->roots[root].bus;
            place(&cursor, i);
        }
        cursor.mem = align_up(cursor.mem, WINDOW_ALIGN);
        assert(cursor.mem <= MEM32_END);
        assert(cursor.pref <= PREF64_START + (uint64_t)(root + 1) * PREF64_STEP);
    }
}
