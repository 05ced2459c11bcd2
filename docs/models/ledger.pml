/*
 * The life of money: reserve, settle, expire, crash, duplicate, late settlement. Checked by `spin` (test/deep/models.deep.ts); decision 4.
 *
 * Calls share a budget. The worker reserves at the authority, puts the intent on file, sends, and puts the settlement on file. The reader (log-writer thread)
 * carries what is on file to the ledger and then to the call log; its position moves with the call log. Anything may die between any two steps: the worker, once;
 * the reader, several times, after which it begins again at the position. The reader may also take a living worker for dead ("expire"), whose settlement
 * then comes late.
 */
#define CALLS 2                 /* with 3 (and BUDGET 4, READER_CRASHES 1) it holds too: 41 million states, 2.5 GB, 50 s */
#define RESERVED 2              /* what each call may cost */
#define BUDGET 3                /* one call at a time, or a second one when the first has cost less than it might */
#define READER_CRASHES 2

#define NONE 0
#define UNKNOWN 1
#define FINAL 2

/* The world: what the provider saw. */
bool sent[CALLS];
/* The authority: units that are free, and those it counts for each call. */
byte free_units = BUDGET;
byte counted[CALLS];
/* The segment: intents and settlements with their cost. */
bool intent[CALLS], settlement[CALLS];
byte cost[CALLS];
/* Ledger and call log. */
byte ledger[CALLS], amount[CALLS], row[CALLS];
byte total = 0, unknown_total = 0;
/* Who lives, and what is believed. */
bool worker_alive = true, believed_dead = false;
byte ended = 0;

inline to_ledger(i, state, nano) {
  /* One transaction: what says more replaces what said less; the sum moves with it. */
  atomic {
    if
    :: state > ledger[i] -> total = total - amount[i] + nano; unknown_total = unknown_total - (ledger[i] == UNKNOWN -> amount[i] : 0) + (state == UNKNOWN -> nano : 0); amount[i] = nano; ledger[i] = state
    :: else -> skip
    fi;
    assert(total == amount[0] + amount[1]);
    /* What is known to have been spent never passes the budget. What is unknown counts with its reservation, which the authority may have given back already. */
    assert(total - unknown_total <= BUDGET)
  }
}

proctype call(byte i) {
  byte c;
  /* Reserve before the attempt, or be refused. */
  if
  :: atomic { worker_alive && free_units >= RESERVED -> free_units = free_units - RESERVED; counted[i] = RESERVED }
  :: atomic { !worker_alive || free_units < RESERVED -> goto over }
  fi;
  if :: atomic { worker_alive -> intent[i] = true } :: !worker_alive -> goto over fi;
  if :: atomic { worker_alive -> sent[i] = true } :: !worker_alive -> goto over fi;
  /* It answered, was broken off, or came to nothing: any cost up to what was reserved. */
  select(c : 0 .. RESERVED);
  /* Authority and file hear of it in either order. */
  if
  :: atomic { worker_alive -> cost[i] = c; settlement[i] = true };
     if :: atomic { worker_alive -> free_units = free_units + counted[i] - c; counted[i] = c } :: !worker_alive -> skip fi
  :: atomic { worker_alive -> free_units = free_units + counted[i] - c; counted[i] = c };
     if :: atomic { worker_alive -> cost[i] = c; settlement[i] = true } :: !worker_alive -> skip fi
  :: !worker_alive -> skip
  fi;
over:
  ended++
}

proctype crash() {
  if :: atomic { worker_alive = false; believed_dead = true } :: skip fi
}

/* The worker only seems dead: its calls are given up too early. */
proctype expire() {
  if :: believed_dead = true :: skip fi
}

proctype reader() {
  byte i, crashes = 0;
  bool gave_up;
again:
  i = 0;
  do
  :: i < CALLS ->
     gave_up = false;
     if
     :: settlement[i] && row[i] < FINAL ->
        to_ledger(i, FINAL, cost[i]);
        if :: crashes < READER_CRASHES -> crashes++; goto again :: skip fi;
        row[i] = FINAL
     :: intent[i] && !settlement[i] && believed_dead && row[i] == NONE ->
        to_ledger(i, UNKNOWN, RESERVED);
        if :: crashes < READER_CRASHES -> crashes++; goto again :: skip fi;
        row[i] = UNKNOWN
     :: else -> skip
     fi;
     /* A duplicate: the same word told again, and an older one after a newer one. */
     if
     :: ledger[i] == FINAL -> to_ledger(i, FINAL, cost[i])
     :: ledger[i] == FINAL -> to_ledger(i, UNKNOWN, RESERVED)
     :: skip
     fi;
     i++
  :: else -> break
  od;
  if
  :: ended < CALLS -> goto again
  :: ended == CALLS && (!worker_alive && !believed_dead) -> goto again
  :: ended == CALLS ->
     /* Nothing more will come: one last look, then it must all be there. */
     i = 0;
     do
     :: i < CALLS ->
        if
        :: settlement[i] && row[i] < FINAL -> to_ledger(i, FINAL, cost[i]); row[i] = FINAL
        :: intent[i] && !settlement[i] && row[i] == NONE -> to_ledger(i, UNKNOWN, RESERVED); row[i] = UNKNOWN
        :: else -> skip
        fi;
        i++
     :: else -> break
     od;
     atomic {
       byte sum = 0;
       i = 0;
       do
       :: i < CALLS ->
          /* 0 missing: what the provider saw is in the ledger; 0 double: once (the sum is checked with every step). */
          assert(!sent[i] || ledger[i] != NONE);
          assert(!settlement[i] || (ledger[i] == FINAL && amount[i] == cost[i]));
          assert(ledger[i] != UNKNOWN || amount[i] == RESERVED);
          /* The authority never counts less than what the settlements cost, and no more where nobody died. */
          assert(ledger[i] != FINAL || counted[i] >= amount[i]);
          assert(!worker_alive || counted[i] == amount[i]);
          sum = sum + counted[i];
          i++
       :: else -> break
       od;
       /* No phantom spend, none lost: what is free and what is counted is the budget. */
       assert(sum + free_units == BUDGET);
       assert(unknown_total > 0 || total <= BUDGET)
     }
  fi
}

init {
  atomic { run call(0); run call(1); run crash(); run expire(); run reader() }
}
