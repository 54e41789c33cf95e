package reconcile

import (
	"crypto/sha256"
	"encoding/hex"

	"tenantry/state"
)

// The life of a tenant is a machine with a state for what is known of a target
// and an input for what the file says of it. What it does is Moves, a table, and
// nothing else: Diff looks up what to do there.

// A Standing is where a target stands in its life, as far as is known.
type Standing string

const (
	StandingAbsent    Standing = "absent"    // nothing is there, and nothing on record
	StandingFound     Standing = "found"     // a schema is there that was never managed
	StandingActive    Standing = "active"    // it is kept equal to its definition
	StandingSuspended Standing = "suspended" // it is kept so too, and nobody may use it
	StandingRetired   Standing = "retired"   // it was put aside, under another name
	StandingPurging   Standing = "purging"   // a purge of it has begun
	StandingLost      Standing = "lost"      // it is on record, and its schema is gone
)

// Standings are all of them, in the order of a life.
var Standings = []Standing{StandingAbsent, StandingFound, StandingActive, StandingSuspended, StandingRetired, StandingPurging, StandingLost}

// A Wish is what the file says of a target.
type Wish string

const (
	WishActive    Wish = "active"
	WishSuspended Wish = "suspended"
	WishRetired   Wish = "retired"
	WishForgotten Wish = "forget"      // it has forget: true
	WishUnnamed   Wish = "not in file" // the file does not have it
)

// Wishes are all of them.
var Wishes = []Wish{WishActive, WishSuspended, WishRetired, WishForgotten, WishUnnamed}

// A Move is what is done with a target that stands so and should be so.
// ActionChange is done where the schema differs from its definition; where it
// does not, it is ActionNone.
type Move struct {
	Standing Standing
	Wish     Wish
	Action   Action
	Reason   Reason
}

// Moves is the whole machine.
var Moves = []Move{
	{StandingAbsent, WishActive, ActionCreate, ReasonMissing},
	{StandingAbsent, WishSuspended, ActionCreate, ReasonMissing},
	{StandingAbsent, WishRetired, ActionNone, ""},
	{StandingAbsent, WishForgotten, ActionNone, ""},
	{StandingAbsent, WishUnnamed, ActionNone, ""},

	// What was never managed is not touched before somebody says adopt. Then it
	// stands as what is active.
	{StandingFound, WishActive, ActionChange, ReasonFirstSeen},
	{StandingFound, WishSuspended, ActionBlocked, ReasonFirstSeen},
	{StandingFound, WishRetired, ActionBlocked, ReasonFirstSeen},
	{StandingFound, WishForgotten, ActionNone, ""},
	{StandingFound, WishUnnamed, ActionNone, ""},

	{StandingActive, WishActive, ActionChange, ReasonDefinitionChanged},
	{StandingActive, WishSuspended, ActionSuspend, ReasonSuspended},
	{StandingActive, WishRetired, ActionRetire, ReasonRetired},
	{StandingActive, WishForgotten, ActionForget, ReasonForgotten},
	{StandingActive, WishUnnamed, ActionOrphaned, ReasonNotInFile},

	{StandingSuspended, WishActive, ActionResume, ReasonActive},
	{StandingSuspended, WishSuspended, ActionChange, ReasonDefinitionChanged},
	{StandingSuspended, WishRetired, ActionRetire, ReasonRetired},
	{StandingSuspended, WishForgotten, ActionForget, ReasonForgotten},
	{StandingSuspended, WishUnnamed, ActionOrphaned, ReasonNotInFile},

	// What is retired has been named once, so nobody has to name it again.
	{StandingRetired, WishActive, ActionRestore, ReasonActive},
	{StandingRetired, WishSuspended, ActionRestore, ReasonSuspended},
	{StandingRetired, WishRetired, ActionNone, ""},
	{StandingRetired, WishForgotten, ActionForget, ReasonForgotten},
	{StandingRetired, WishUnnamed, ActionNone, ""},

	// Half of it may be gone: there is no way back.
	{StandingPurging, WishActive, ActionBlocked, ReasonPurging},
	{StandingPurging, WishSuspended, ActionBlocked, ReasonPurging},
	{StandingPurging, WishRetired, ActionNone, ""},
	{StandingPurging, WishForgotten, ActionForget, ReasonForgotten},
	{StandingPurging, WishUnnamed, ActionNone, ""},

	{StandingLost, WishActive, ActionCreate, ReasonMissing},
	{StandingLost, WishSuspended, ActionCreate, ReasonMissing},
	{StandingLost, WishRetired, ActionForget, ReasonMissing},
	{StandingLost, WishForgotten, ActionForget, ReasonForgotten},
	{StandingLost, WishUnnamed, ActionOrphaned, ReasonNotInFile},
}

type situation struct {
	standing Standing
	wish     Wish
}

var moves = func() map[situation]Move {
	out := make(map[situation]Move, len(Moves))
	for _, m := range Moves {
		out[situation{m.Standing, m.Wish}] = m
	}
	return out
}()

// wish returns what the file says of the target.
func (t *Target) wish() Wish {
	switch {
	case t.Forget:
		return WishForgotten
	case t.State == state.Retired:
		return WishRetired
	case t.State == state.Suspended:
		return WishSuspended
	}
	return WishActive
}

// standing returns where the change's target stands. adopted says that what was
// never managed is ours now.
func (c *Change) standing(adopted bool) Standing {
	r := c.Record
	switch {
	case r == nil && !c.Exists:
		return StandingAbsent
	case r == nil && adopted:
		return StandingActive
	case r == nil:
		return StandingFound
	case r.State == StandingPurging:
		return StandingPurging
	case !c.Exists:
		return StandingLost
	}
	return r.State
}

// protected reports whether the target may lose nothing in this run. A
// protection that the file lifts still holds in the run that lifts it.
func (c *Change) protected() bool {
	said := c.Target.Protected
	return c.Record != nil && c.Record.Protected || said != nil && *said
}

// keepsProtection reports whether the target is protected after this run.
func (c *Change) keepsProtection() bool {
	if said := c.Target.Protected; said != nil {
		return *said
	}
	return c.Record != nil && c.Record.Protected
}

// retiredName returns what a schema is called once it is retired on a day, as
// 20060102. PostgreSQL cuts names at 63 bytes, so a long one is cut here, with a
// hash in place of what is lost.
func retiredName(name, day string) string {
	const most = 63 - len("retired_") - len("_20060102")
	if len(name) > most {
		name = cut(name, most-9) + "_" + shortHash(name)
	}
	return "retired_" + name + "_" + day
}

// cut returns the first bytes of a text, and no half of a character.
func cut(s string, most int) string {
	end := 0
	for i, c := range s {
		if i+len(string(c)) > most {
			break
		}
		end = i + len(string(c))
	}
	return s[:end]
}

// shortHash returns eight characters that tell long names apart.
func shortHash(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4])
}
