#include "fabric/pairing.h"

/* How far ahead a partner is looked for before one that was met already is taken. */
#define LOOK_AHEAD 32

uint32_t tournament_rounds(uint32_t n)
{
    return n < 2 ? 0 : n - 1 + n % 2;
}

static struct pair pair_of(uint32_t a, uint32_t b)
{
    return a < b ? (struct pair){a, b} : (struct pair){b, a};
}

uint32_t tournament_round(uint32_t n, uint32_t r, struct pair *out)
{
    uint32_t circle = n + n % 2 - 1, count = 0; /* all but one stand in a circle that turns */

    if (n < 2)
        return 0;
    /* With n odd there is nobody in the middle: who would meet it rests. */
    if (n % 2 == 0)
        out[count++] = pair_of(r % circle, n - 1);
    for (uint32_t k = 1; k <= (circle - 1) / 2; k++)
        out[count++] = pair_of((r + k) % circle, (r + circle - k) % circle);
    return count;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t was = *a;

    *a = *b;
    *b = was;
}

static bool same_group(const struct pairing_world *world, uint32_t a, uint32_t b)
{
    return world->group && world->group[a] == world->group[b];
}

/* Lower is better. */
static int dislike(const struct pairing_world *world, bool cross, uint32_t a, uint32_t b)
{
    bool wrong = world->group && same_group(world, a, b) == cross;

    return 2 * wrong + (world->met && world->met(world->data, a, b));
}

/* The pairs line[0..1], line[2..3] ...: each next one takes the best partner not far behind it. */
static void pair_neighbours(const struct pairing_world *world, bool cross, uint32_t *line,
                            uint32_t n)
{
    for (uint32_t i = 0; i + 1 < n; i += 2) {
        uint32_t best = i + 1, end = n - i - 1 > LOOK_AHEAD ? i + 1 + LOOK_AHEAD : n;
        int least = dislike(world, cross, line[i], line[best]);

        for (uint32_t k = i + 2; k < end && least > 0; k++) {
            int now = dislike(world, cross, line[i], line[k]);

            if (now < least) {
                least = now;
                best = k;
            }
        }
        swap(&line[i + 1], &line[best]);
    }
}

/* Pairs within a group that were left at the end change partners with a pair that has nobody of
 * the group. When a search over all pairs finds none, the group is more than half of the nodes. */
static void part_groups(struct rng *rng, const struct pairing_world *world, uint32_t *line,
                        uint32_t n)
{
    uint32_t pairs = n / 2, majority = 0;
    bool stuck = false;

    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t *own = line + (size_t)2 * i, at = (uint32_t)rng_below(rng, pairs), tried = 0;
        uint32_t group = world->group[own[0]];

        if (!same_group(world, own[0], own[1]) || (stuck && group == majority))
            continue;
        for (; tried < pairs; tried++, at = at + 1 == pairs ? 0 : at + 1) {
            uint32_t *other = line + (size_t)2 * at;

            if (world->group[other[0]] != group && world->group[other[1]] != group)
                break;
        }
        if (tried < pairs) {
            swap(&own[1], &line[(size_t)2 * at]);
        } else {
            stuck = true;
            majority = group;
        }
    }
}

/* Heap sort, which needs no room: brings the nodes of a group together. */
static void sift(const uint32_t *group, uint32_t *line, uint32_t at, uint32_t n)
{
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && group[line[child]] < group[line[child + 1]])
            child++;
        if (group[line[at]] >= group[line[child]])
            return;
        swap(&line[at], &line[child]);
    }
}

static void sort_by_group(const uint32_t *group, uint32_t *line, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;)
        sift(group, line, i, n);
    for (uint32_t end = n; end-- > 1;) {
        swap(&line[0], &line[end]);
        sift(group, line, 0, end);
    }
}

/* Each group by itself; who is left over in a group of odd size comes last. */
static void pair_within(const struct pairing_world *world, uint32_t *line, uint32_t n)
{
    uint32_t left = n; /* line[left..n) are left over */

    sort_by_group(world->group, line, n);
    for (uint32_t end = n, begin; end > 0; end = begin) {
        for (begin = end; begin > 0 && same_group(world, line[begin - 1], line[end - 1]);)
            begin--;
        if ((end - begin) % 2) {
            /* The last of the group changes places with the last that is not left over; groups
             * behind it are shifted by one and stay whole. */
            uint32_t odd = line[end - 1];

            for (uint32_t k = end - 1; k + 1 < left; k++)
                line[k] = line[k + 1];
            line[--left] = odd;
        }
    }
    for (uint32_t begin = 0, end; begin < left; begin = end) {
        for (end = begin; end < left && same_group(world, line[begin], line[end]);)
            end++;
        pair_neighbours(world, false, line + begin, end - begin);
    }
    pair_neighbours(world, false, line + left, n - left);
}

uint32_t random_round(struct rng *rng, const struct pairing_world *world, const uint32_t *nodes,
                      uint32_t n, bool cross, struct pair *out)
{
    _Static_assert(sizeof(struct pair) == 2 * sizeof(uint32_t), "pairs are a line of nodes");
    uint32_t *line = &out->a, rests = n % 2 ? (uint32_t)rng_below(rng, n) : n, count = 0;

    for (uint32_t i = 0; i < n; i++) { /* shuffled while it is copied */
        uint32_t at;

        if (i == rests)
            continue;
        at = (uint32_t)rng_below(rng, count + 1);
        line[count] = line[at];
        line[at] = nodes[i];
        count++;
    }
    if (world->group && !cross)
        pair_within(world, line, count);
    else
        pair_neighbours(world, cross, line, count);
    if (world->group && cross)
        part_groups(rng, world, line, count);
    for (uint32_t i = 0; i < count / 2; i++)
        out[i] = pair_of(out[i].a, out[i].b);
    return count / 2;
}
