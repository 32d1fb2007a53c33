/**
 * For each rule of the design (R1 to R16; R10 comes with counters) mutations of the compiled core that break just that rule,
 * in the path that a daemon really uses; and what makes repair send more than it may.
 */

export interface Edit {
  /** Compiled file, under `src/core`. */
  file: string
  /** Stands in the file exactly once. */
  find: string
  replace: string
}

export interface Mutation extends Edit {
  /** The rule that it breaks, or where it stands. */
  name: string
  what: string
  /** Where the rule stands a second time, at the other side of a session. */
  also?: readonly Edit[]
  /** First of the seeds that are tried, else 1: for what takes a history that few seeds have. */
  from?: number
}

export const RULE_MUTATIONS: readonly Mutation[] = [
  {
    name: 'R1',
    what: 'a delta is taken for all that its actor wrote before',
    file: 'writes.js',
    find: `    // Also when the delta's own dot was covered already`,
    replace: `    change.see(dot.actor, 1, dot.counter);
    // Also when the delta's own dot was covered already`,
  },
  {
    name: 'R2',
    what: 'what the opening does not name is taken to be as it is now, not as it was when the pull began',
    file: 'repair/pull-ask.js',
    find: `this.#told = context.snapshot();`,
    replace: `this.#told = context;`,
  },
  {
    name: 'R3',
    what: 'the context grows by what a pull opens with, before its ranges have come',
    file: 'repair/session.js',
    find: `        this.#host.missing(new Map(this.#missing), !this.#pull.moreBuckets);`,
    replace: `        this.#host.missing(new Map(this.#missing), !this.#pull.moreBuckets);
        this.#submit(0, (change) => {
            for (const [actor, set] of open)
                for (let i = 0; i < set.length; i += 2)
                    change.see(actor, set[i], set[i + 1]);
            return () => undefined;
        });`,
  },
  {
    name: 'R3 missing',
    what: 'a range is taken whole although an item of it did not come',
    file: 'repair/session.js',
    find: `missing.get(actor) ?? intervals.EMPTY`,
    replace: `intervals.EMPTY`,
  },
  {
    name: 'R4',
    what: 'a dot that the answerer does not hold is removed, whether or not it has seen it',
    file: 'repair/resolve.js',
    find: `                this.#wanted++;
                continue;`,
    replace: `                this.#wanted++;`,
    also: [{ file: 'repair/session.js', find: ` && this.#compared(dot)`, replace: `` }],
  },
  {
    name: 'R4 asker',
    what: 'what the list lacks is removed, whether or not the answerer has seen it',
    file: 'repair/session.js',
    find: `(dot) => pull.covers(dot)`,
    replace: `() => true`,
  },
  {
    name: 'R5',
    what: 'siblings go although their successor has not come',
    file: 'repair/key-state.js',
    find: `if (applied.missing.length > 0 || state.key === '')`,
    replace: `if (state.key === '')`,
  },
  {
    name: 'R5 pull',
    what: 'a pull says that a dot is dead whose successor came after it began',
    file: 'repair/answerer.js',
    find: `this.#removed?.add(items);`,
    replace: `void items;`,
    from: 5_024_490,
  },
  {
    name: 'R5 hearsay',
    what: 'a peer that may lack the successor of a dot vouches that it is dead',
    file: 'catch-up.js',
    find: `isUnderWay(context, mono) {`,
    replace: `isUnderWay(context, mono) {
        if (mono >= 0)
            return false;`,
    from: 611_740,
  },
  {
    name: 'R5 untold',
    what: 'a peer that has something and has not said what, since its turn has not come, is taken to have nothing',
    file: 'peer.js',
    find: `?? toldPartAt ?? this.#untoldSince`,
    replace: `?? toldPartAt`,
    from: 24_044_960,
  },
  {
    name: 'R5 asks',
    what: 'a pull removes what nothing shows to be removed but a context',
    file: 'repair/session.js',
    find: `mayGo: () => 'ask',`,
    replace: `mayGo: (items, vouched) => this.#host.mayGo(items, vouched),`,
    from: 735_980,
  },
  {
    name: 'R5 shown',
    what: 'a key is emptied on the word of a peer that catches up, and shows what is removed here',
    file: 'repair/key-state.js',
    find: `applied.toAsk = empties && `,
    replace: `applied.toAsk = false && `,
    from: 788_020,
  },
  {
    name: 'R5 anew',
    what: 'who has just begun calls removed what it has only heard of',
    from: 12_035_900,
    file: 'catch-up.js',
    find: `return hasJustBegun || `,
    replace: `return `,
  },
  {
    name: 'R5 announced',
    what: 'what a large item supersedes goes when the item is announced',
    file: 'writes.js',
    find: `    if (delta.announcedBytes > 0)
        return;
    const { dot, item } = delta;`,
    replace: `    const { dot, item } = delta;
    if (delta.announcedBytes > 0) {
        for (const gone of delta.supersedes) {
            const held = change.held(gone.actor, gone.counter);
            if (held !== undefined) change.remove(held);
        }
        return;
    }`,
  },
  {
    name: 'R6',
    what: 'a mutation is broadcast before its batch is on disk',
    file: 'engine.js',
    find: `                deltas = applied.deltas;`,
    replace: `                deltas = [];
                this.#outbox.add(applied.deltas);
                this.#publish(this.#outbox.take(this.#now.mono));`,
  },
  {
    name: 'R7',
    what: 'a daemon goes on under the actor of its last run, behind what its store has',
    file: 'engine.js',
    find: `        id.set(this.#options.random.bytes(ACTOR_SALT_BYTES));`,
    replace: `        id.fill(7);`,
  },
  {
    name: 'R7 head',
    what: 'the same, beginning where the store ends',
    file: 'engine.js',
    find: `        invariant(this.replica.context.get(actor).length === 0, 'R7', 'an actor begins anew');
        return { actor, head: 0 };`,
    replace: `        const same = 's'.repeat(8) + actor.slice(8);
        const seen = this.replica.context.get(same);
        return { actor: same, head: seen.at(-1) ?? 0 };`,
  },
  {
    name: 'R8',
    what: 'a store that lacks records is used as if it lacked none',
    file: 'records.js',
    find: `        if (damage.length === 0) {`,
    replace: `        damage.length = 0;
        if (damage.length === 0) {`,
  },
  {
    name: 'R8 context',
    what: 'the context of a damaged store is kept',
    file: 'records.js',
    find: `        const replica = new Replica(this.#hash);
        for (const [actor, seen] of gather(this.#items.map(rangeOf)))
            replica.context.add(actor, seen);`,
    replace: `        const replica = this.#replica;`,
  },
  {
    name: 'R9',
    what: 'a delete takes the dot of the mutation before it',
    file: 'writes.js',
    find: `        const removal = { actor: writer.actor, counter: ++writer.head };`,
    replace: `        writer.head ||= 1;
        const removal = { actor: writer.actor, counter: writer.head };`,
  },
  {
    name: 'R11',
    what: 'an item from the far future is refused',
    file: 'item.js',
    find: `        fields.ms <= MS_MAX &&`,
    replace: `        fields.ms <= 1_750_000_000_000 &&`,
  },
  {
    name: 'R12',
    what: 'expired items are purged also while the clock is in doubt',
    file: 'purge.js',
    find: `        if (clockInDoubt)
            return;`,
    replace: ``,
  },
  {
    name: 'R12 grace',
    what: 'expired items are purged at once',
    file: 'purge.js',
    find: `this.#dueBefore(now.wall - this.#settings.skew - this.#settings.grace)`,
    replace: `this.#dueBefore(now.wall)`,
  },
  {
    name: 'R12 doubt',
    what: 'the clock is in doubt for ever',
    file: 'clock.js',
    find: `Math.abs(drift) <= this.#skew`,
    replace: `Math.abs(drift) < 0`,
  },
  {
    name: 'R13',
    what: 'a peer is believed that everything was removed',
    file: 'removal-guard.js',
    find: `        const { items } = claim;`,
    replace: `        const { items } = claim;
        if (items.length > 0)
            return 'fits';`,
  },
  {
    name: 'R13 hearsay',
    what: 'a peer that has only heard of removals bears witness of them',
    file: 'repair/key-state.js',
    find: `for (const dot of state.hearsay)`,
    replace: `for (const dot of [])`,
  },
  {
    name: 'R13 siblings',
    what: 'one of several values of a key goes on the word of anybody',
    file: 'repair/key-state.js',
    find: `    if (bare.length === 0)`,
    replace: `    if (bare.length < change.siblings(state.key).length) {
        for (const item of bare)
            drop(change, item);
        return;
    }
    if (bare.length === 0)`,
  },
  {
    name: 'R13 shown',
    what: 'a value goes beside any other of its key, not only beside a later one',
    file: 'repair/key-state.js',
    find: `one.field === own.field && compareStamps(one, own) > 0`,
    replace: `one.field === own.field`,
  },
  {
    name: 'R13 for ever',
    what: 'removals that are held back are never applied',
    file: 'removal-guard.js',
    find: `mono - held.since >= this.#settings.removalHold`,
    replace: `mono < held.since`,
  },
  {
    name: 'R14',
    what: 'each replica keeps the content of a dot that it saw first',
    file: 'repair/key-state.js',
    find: `hashPrefix(own) >= hashPrefix(item)`,
    replace: `hashPrefix(own) !== ''`,
  },
  {
    name: 'R15',
    what: 'dead dots are believed however far they are from all that was heard of their actor',
    file: 'far-ranges.js',
    find: `        if (to <= known + FAR_DOTS)`,
    replace: `        if (to > 0)`,
  },
  {
    name: 'R15 since',
    what: 'what a peer claims since the two compared is believed',
    file: 'repair/session.js',
    find: ` && this.#compared(dot)`,
    replace: ``,
    from: 609_635,
  },
  {
    name: 'R15 word',
    what: 'what a peer says is removed is believed although it claims more than is',
    file: 'repair/session.js',
    find: `this.#doubted ? 'ask' : `,
    replace: ``,
    from: 792_570,
  },
  {
    name: 'R16',
    what: 'what does not decode ends the process',
    file: 'wire/link.js',
    find: `    catch {
        return 'malformed';`,
    replace: `    catch (error) {
        throw error;`,
  },
  {
    name: 'R16 behind',
    what: 'a message with an item in it that does not decode is refused as a whole',
    file: 'repair/key-state.js',
    find: `return wire.items.length > 0 ? refusedWhole(held, wire.items.length) : undefined;`,
    replace: `return undefined;`,
    also: [
      {
        file: 'repair/lone-items.js',
        find: `return envelopes.map(`,
        replace: `if (envelopes.some((bytes, index) => !decodeChecked(bytes, checks, index, hash)))
        return undefined;
    return envelopes.map(`,
      },
    ],
  },
  {
    name: 'R16 pulls',
    what: 'of the pulls of a session only the last tells what the peer has seen',
    from: 16_800,
    file: 'repair/session.js',
    find: `this.#pulledBefore.some((pull) => pull.covers(dot))`,
    replace: `this.#pulledBefore.at(-1).covers(dot)`,
  },
  {
    name: 'repair resends',
    what: 'a pull brings all that the answerer has of an actor, whatever the asker has said',
    file: 'repair/pull-answer.js',
    find: `const due = intervals.subtract(missing, intervalsIn(young, actor));`,
    replace: `const due = mine;`,
  },
  {
    name: 'repair in vain',
    what: 'a daemon whose store has failed goes on pulling',
    file: 'links.js',
    find: `!this.#host.storeFailed() &&`,
    replace: ``,
  },
]
