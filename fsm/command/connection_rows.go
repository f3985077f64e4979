package command

// What CLIENT's sub-commands may be asked for.
const (
	clientKillFilter = "filter=(ip:port@..2.8.12 | new-format=([ID client-id:int]@2.8.12 | [TYPE " +
		"normal_master_slave_pubsub=(NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB)]@2.8.12 | " +
		"[USER username] | [ADDR ip:port] | [LADDR ip:port]@6.2.0 | [SKIPME yes/no])...)"
	clientListFilter = "[TYPE normal_master_replica_pubsub=(NORMAL | MASTER | REPLICA | PUBSUB)]@5.0.0 [ID id=(client-id:int...)]@6.2.0"
)

// connectionRows are the commands that a connection answers.
var connectionRows = group("connection", "connection",
	local("auth [username]@6.0.0 password", byConnection, NoScript|Loading|Stale|Fast|NoAuth|AllowBusy).
		doc("1.0.0", "O(1)", "Shows the server a password."),
	container("client", "2.4.0", "Groups the commands about connections.",
		local("client|getname", byConnection, NoScript|Loading|Stale).
			doc("2.6.9", "O(1)", "Tells this connection's name."),
		local("client|help", byConnection, Loading|Stale).
			doc("5.0.0", "O(1)", "Lists the sub-commands of CLIENT."),
		local("client|id", byConnection, NoScript|Loading|Stale).
			doc("5.0.0", "O(1)", "Tells this connection's number, unique in the cluster."),
		local("client|info", byConnection, NoScript|Loading|Stale).
			tips("nondeterministic_output").
			doc("6.2.0", "O(1)", "Describes this connection."),
		local("client|kill "+clientKillFilter, byConnection, Admin|NoScript|Loading|Stale).
			doc("2.4.0", "O(N) for N connections", "Closes connections."),
		local("client|list "+clientListFilter, byConnection, Admin|NoScript|Loading|Stale).
			tips("nondeterministic_output").
			doc("2.4.0", "O(N) for N connections", "Describes the connections of this node."),
		local("client|no-evict enabled=(ON | OFF)", byConnection, Admin|NoScript|Loading|Stale).
			doc("7.0.0", "O(1)", "Keeps this connection from being closed to save memory."),
		local("client|reply on_off_skip=(ON | OFF | SKIP)", byConnection, NoScript|Loading|Stale).
			doc("3.2.0", "O(1)", "Turns the replies to this connection on and off."),
		// Redis 7.2; clients have seen these categories in this order.
		local("client|setinfo attr=(LIB-NAME libname | LIB-VER libver)", byConnection, NoScript|Loading|Stale).
			listed("connection", "slow").
			tips("request_policy:all_nodes", "response_policy:all_succeeded").
			doc("7.2.0", "O(1)", "Tells the name and version of the client's library."),
		local("client|setname connection-name", byConnection, NoScript|Loading|Stale).
			doc("2.6.9", "O(1)", "Names this connection."),
	),
	local("echo message", byConnectionOrEntry, Loading|Stale|Fast).
		doc("1.0.0", "O(1)", "Answers its argument."),
	local("hello arguments=[protover:int [AUTH username_password=(username password)] [SETNAME clientname]]", byConnection,
		NoScript|Loading|Stale|Fast|NoAuth|AllowBusy).
		doc("6.0.0", "O(1)", "Chooses the protocol version, with credentials and a name if given."),
	local("ping [message]", byConnectionOrEntry, Fast).
		tips("request_policy:all_shards", "response_policy:all_succeeded").
		doc("1.0.0", "O(1)", "Answers PONG, or its argument."),
	local("quit", byConnectionAtOnce, NoScript|Loading|Stale|Fast|NoAuth|AllowBusy).arity(-1).
		doc("1.0.0", "O(1)", "Closes the connection."),
	local("reset", byConnectionAtOnce, NoScript|Loading|Stale|Fast|NoAuth|AllowBusy).
		doc("6.2.0", "O(1)", "Puts the connection back to how it began."),
	local("select index:int", byConnectionOrEntry, Loading|Stale|Fast).
		doc("1.0.0", "O(1)", "Chooses the database that the connection works in."),
)
