// Package workers is the pipeline: from directories on disk to confirmed
// messages and marks.
//
//	crawl      finds the directories, orders them, leaves out what is done
//	  │ []logdir.Entry
//	  v
//	scheduler  opens directories in order, gives out the turns of their logs
//	  │ logWork: a log, and the right to read its next block
//	  v
//	worker     reads the next block of whole lines, passes the turn on, parses
//	  │        the block and encodes its flows
//	  │ encodedBlock: the flows of a block, and where each row ends
//	  v
//	batch      one for each log: cuts the log's flows into messages, in order
//	  │ outgoing: a message; a bounded channel
//	  v
//	publish    sends a message and waits until it is confirmed or has failed
//	  │ the outcome
//	  v
//	ledger     one for each directory: what still holds it, and how far each log
//	  │        is confirmed without a gap
//	  │ dirWork: a directory whose last hold has been released
//	  v
//	mark       writes .processed, or .processing if something failed, and unlocks
//
// Workers, publishers and markers are pools (errgroup). A pool ends when its
// input does, and Run then closes the channel to the next pool. The first failure
// stops the run.
//
// The worker that reads a block also parses it, so that the bytes are still in
// the cache of its core, and so that gzip logs are decompressed side by side. One
// huge log keeps all workers busy, since a log's turn is passed on before the
// block is parsed.
//
// If the transport says that messages are gone which it had accepted, Run puts the
// state files of every directory with messages back to what they were before.
//
// Memory is bounded by the number of workers, of encoded blocks (a few more), of
// messages (in the channel, with publishers, one for each log in work) and of
// directories in work, and by the bytes of the messages with publishers; never by the length of a log or a line, or by a slow
// transport.
//
// A run stops in two stages, each a context. When the first ends, no more work is
// taken: what was read is sent, and .processing is written. The second ends a
// grace time later, and ends every wait.
package workers
