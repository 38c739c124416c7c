package moderation

import (
	"strings"
	"testing"
)

// contacts are texts with a contact in them; behind the bar what is to be found.
var contacts = []struct {
	text, part string
	kind       Kind
}{
	// Mobile numbers, in all the ways in which they are spelt.
	{"我电话13812345678，随时打", "13812345678", Phone},
	{"138 1234 5678", "138 1234 5678", Phone},
	{"138-1234-5678", "138-1234-5678", Phone},
	{"手机：139.1234.5678", "139.1234.5678", Phone},
	{"+86 138 1234 5678", "138 1234 5678", Phone},
	{"8613812345678", "8613812345678", Phone},
	{"0086-138-1234-5678", "138-1234-5678", Phone},
	{"１３８１２３４５６７８", "１３８１２３４５６７８", Phone},
	{"一三八一二三四五六七八", "一三八一二三四五六七八", Phone},
	{"一三八，一二三四，五六七八", "一三八，一二三四，五六七八", Phone},
	{"幺三八 幺两三四 五六拐八", "幺三八 幺两三四 五六拐八", Phone},
	{"壹叁捌壹贰叁肆伍陆柒捌", "壹叁捌壹贰叁肆伍陆柒捌", Phone},
	{"138一二三四5678", "138一二三四5678", Phone},
	{"1 3 8 1 2 3 4 5 6 7 8", "1 3 8 1 2 3 4 5 6 7 8", Phone},
	{"1-3-8-1-2-3-4-5-6-7-8", "1-3-8-1-2-3-4-5-6-7-8", Phone},
	{"1.3.8.1.2.3.4.5.6.7.8", "1.3.8.1.2.3.4.5.6.7.8", Phone},
	{"①③⑧①②③④⑤⑥⑦⑧", "①③⑧①②③④⑤⑥⑦⑧", Phone},
	{"1️⃣3️⃣8️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣", "1️⃣3️⃣8️⃣", Phone},
	{"1\u200b38\u200b1234\u200b5678", "1\u200b38\u200b1234\u200b5678", Phone},
	{"𝟏𝟑𝟖𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖", "𝟏𝟑𝟖", Phone},
	{"l38 l234 5678", "l38 l234 5678", Phone},
	{"138oo138ooo", "138oo138ooo", Phone},
	{"one three eight one two three four five six seven eight", "one three eight", Phone},
	{"yao san ba yao er san si wu liu qi ba", "yao san ba", Phone},
	{"138*1234*5678", "138*1234*5678", Phone},
	{"138/1234/5678", "138/1234/5678", Phone},
	{"1381234~5678", "1381234~5678", Phone},
	{"方便的话打我 177 8899 0011", "177 8899 0011", Phone},
	{"我的号码是19912345678哈", "19912345678", Phone},
	{"a13812345678b 收到请回", "13812345678", Phone},
	{"138\n1234\n5678", "138\n1234\n5678", Phone},
	{"期望薪资15000-20000元，电话13812345678", "13812345678", Phone},
	{"(138)1234-5678", "138)1234-5678", Phone},

	// Other numbers.
	{"座机 010-62345678 转 8001", "010-62345678", Phone},
	{"公司电话：0755-2345678", "0755-2345678", Phone},
	{"021 5555 1234", "021 5555 1234", Phone},
	{"客服热线 400-820-8820", "400-820-8820", Phone},
	{"call me at 415-555-2671", "415-555-2671", Phone},
	{"(415) 555-2671", "415) 555-2671", Phone},
	{"+1 415 555 2671", "1 415 555 2671", Phone},
	{"HK: +852 9123 4567", "852 9123 4567", Phone},
	{"+44 7911 123456", "44 7911 123456", Phone},
	{"请拨打 87654321", "87654321", Phone},
	{"my phone number is 5552671", "5552671", Phone},

	// WeChat, QQ and others.
	{"加我微信zhangsan_88", "zhangsan_88", Messenger},
	{"微信：zhangsanfeng", "zhangsanfeng", Messenger},
	{"微信号 zhang-san1990", "zhang-san1990", Messenger},
	{"微 信：zsf19900101", "zsf19900101", Messenger},
	{"我的微信是lisi2020", "lisi2020", Messenger},
	{"+V：lisi_hr2020", "lisi_hr2020", Messenger},
	{"加v lisihr2020", "lisihr2020", Messenger},
	{"加V信lisihr2020", "lisihr2020", Messenger},
	{"vx: abc123456", "abc123456", Messenger},
	{"VX abc123456", "abc123456", Messenger},
	{"v x：abc123456", "abc123456", Messenger},
	{"ＶＸ：ａｂｃ１２３４５６", "ａｂｃ１２３４５６", Messenger},
	{"薇信同号 wangwu_66", "wangwu_66", Messenger},
	{"wx号 hr_linda", "hr_linda", Messenger},
	{"wx:hrlinda88", "hrlinda88", Messenger},
	{"wechat: linda_hr", "linda_hr", Messenger},
	{"My WeChat is lindahr2024", "lindahr2024", Messenger},
	{"add me on wechat, lindahr2024", "lindahr2024", Messenger},
	{"lindahr2024 是我的微信", "lindahr2024", Messenger},
	{"微信（linda_hr）", "linda_hr", Messenger},
	{"加我 linda2024hr", "linda2024hr", Messenger},
	{"QQ 123456789", "123456789", Messenger},
	{"qq：12345678", "12345678", Messenger},
	{"QQ12345678", "12345678", Messenger},
	{"扣扣 87654321", "87654321", Messenger},
	{"加Q 876543210", "876543210", Messenger},
	{"企鹅号：876543210", "876543210", Messenger},
	{"telegram: @linda_hr", "linda_hr", Messenger},
	{"tg：linda_hr2", "linda_hr2", Messenger},
	{"whatsapp: linda.hr +852 9123 4567", "852 9123 4567", Phone},
	{"抖音号：lindahr2024", "lindahr2024", Messenger},
	{"微-信-号：linda2024", "linda2024", Messenger},

	// Mail.
	{"简历发我邮箱 hr@example.com", "hr@example.com", Mail},
	{"li.si+job@mail.example.com.cn", "li.si+job@mail.example.com.cn", Mail},
	{"１２３４５６＠ｑｑ．ｃｏｍ", "１２３４５６＠ｑｑ．ｃｏｍ", Mail},
	{"lisi @ 163 . com", "lisi @ 163 . com", Mail},
	{"lisi(at)gmail(dot)com", "lisi(at)gmail(dot)com", Mail},
	{"lisi at gmail dot com", "lisi at gmail dot com", Mail},
	{"lisi艾特qq点com", "lisi艾特qq点com", Mail},
	{"lisi#163.com", "lisi#163.com", Mail},
	{"lisi2020@qq", "lisi2020@qq", Mail},

	// Links.
	{"看这里 https://u.wechat.com/EAbc123", "https://u.wechat.com/EAbc123", Link},
	{"http://1.2.3.4/x", "http://1.2.3.4/x", Link},
	{"www.example.cn", "www.example.cn", Link},
	{"加群 t.me/linda_hr", "t.me/linda_hr", Link},
	{"我的主页 lindahr.com", "lindahr.com", Link},
	{"wa.me/85291234567", "wa.me/85291234567", Link},

	// Kept apart while the rules were made.
	{"我的联系方式:15912340987", "15912340987", Phone},
	{"186-0000-1234 (微信同号)", "186-0000-1234", Phone},
	{"❤️186❤️0000❤️1234", "186", Phone},
	{"一 八 六 零 零 零 零 一 二 三 四", "一 八 六", Phone},
	{"186 00 00 12 34", "186 00 00 12 34", Phone},
	{"18 600 001 234", "18 600 001 234", Phone},
	{"(010)8888-9999", "010)8888-9999", Phone},
	{"my cell is one eight six zero zero zero zero one two three four", "one eight six", Phone},
	{"186[0000]1234", "186[0000]1234", Phone},
	{"18６０o0o1234", "18６０o0o1234", Phone},
	{"加个v：job_hunter01", "job_hunter01", Messenger},
	{"威信号：jobhunter01", "jobhunter01", Messenger},
	{"wei xin jobhunter01", "jobhunter01", Messenger},
	{"绿泡泡：jobhunter01", "jobhunter01", Messenger},
	{"VX：Job-Hunter01", "Job-Hunter01", Messenger},
	{"Q Q：1234567890", "1234567890", Messenger},
	{"Skype jobhunter01", "jobhunter01", Messenger},
	{"卫星 jobhunter01", "jobhunter01", Messenger},
	{"jobhunter [at] outlook.com", "jobhunter [at] outlook.com", Mail},
	{"邮箱 jobhunter 艾特 163 点 com", "jobhunter 艾特 163 点 com", Mail},
	{"简历在 jobhunter.github.io/cv", "jobhunter.github.io/cv", Link},
	{"bit.ly/3abcd", "bit.ly/3abcd", Link},
}

// harmless are texts without any, which rules must let through.
var harmless = []string{
	"你好，方便聊聊吗？", "请问这个岗位还招人吗？", "薪资15000-20000元", "月薪 15000-20000元 ·14薪", "18000-25000/月", "年薪 130000-180000 元",
	"15-25K·16薪", "13k-18k", "20万-35万", "薪资范围 13000 - 18000，看经验", "13,000-18,000 RMB", "base 150,000 USD + 20,000 bonus",
	"2026年3月9日 14:30 面试", "2026-03-09 14:30:00", "2026/03/09", "20260309", "二〇二六年三月九日下午两点", "1995-06-15 身高180", "1995.06 出生，180cm",
	"1998-2002 985 本科", "1998.9-2002.07 清华大学", "2019.09-2023.06，2023.07至今", "9:30-18:30，双休", "13:30-14:30 面试，3楼305", "5-10年经验，200-500人规模",
	"职位编号 20260309001", "订单号 2026030912345678", "岗位ID：100234567", "job id 8812345", "职位ID 13812345678", "单号：13812345678", "工号 10023",
	"快递单号 SF1234567890123", "会议号 123-456-789", "腾讯会议：915 123 4567", "会议号：13812345678", "验证码 482913", "Ticket #48213", "ISBN 978-7-115-42802-8",
	"192.168.100.12", "版本 1.3.8.1234", "v2.10.3-rc1", "端口 8080，IP 10.0.0.1", "3.1415926535897932", "QPS 13000000000", "处理过 13812345678 条数据", "市值 13912345678 元",
	"01, 02, 03, 04, 05, 06", "1、3、5、7、9、11、13、15 号线都可以", "第一、第二、第三、第四", "一二三四五六七", "三五年内", "一千五百人，三百个项目", "年龄 25 - 35 岁，身高 165-180",
	"可以加个微信吗？", "方便留个微信聊聊吗", "微信小程序开发 javascript typescript", "熟悉微信支付、支付宝支付", "微信 android 开发", "wechat pay, wechat official account", "做过 wx.login 和 wx.request",
	"公众号运营，微信生态，QQ群运营", "QQ音乐 2020 届校招", "腾讯QQ 日活 500000000 用户", "在团队里有威信", "加我们 2026 届校招", "熟悉 VxWorks", "用过 vue3 和 vuex", "tg 是什么意思",
	"熟悉 Node.js、Vue.js、Next.js", "ASP.NET Core", "socket.io 和 three.js", "I worked at Booking.com and Amazon.com", "I work at Yahoo", "at Google for 3 years", "e.g. Java, i.e. the JVM", "version 1.2.3 of react.dom",
	"@张三 请看一下", "@angular/core@17.0.1", "user.info.name", "window.top.location", "Spring Boot 3.2, MySQL 8.0, JDK 17", "HTTP/1.1 404", "RFC 6962", "GB/T 7714-2015", "我在 2 号线 13 号口",
	"电话面试 2026-03-09 14:00", "手机 13 寸屏适配", "电话沟通 30 分钟", "call center 5 years", "phone interview on 2026-03-09", "座机开发", "热线运营 3 年", "电话销售 8000-12000 元",
	"one or two years, three to five people", "seven days a week, nine to five", "ba si wu", "the one thing", "er 图", "six sigma, seven wonders, eight hours, nine people and ten more",
	"0195794e-8f10-7c3a-9d42-6f1f5a3b2c01", "sha256:9f86d081884c7d65", "统一社会信用代码 91310000MA1FL8XQ30", "车牌 沪A12345", "6222 0212 3456 7890 123", "身高178体重65", "1500 2000 3000 三档", "底薪1500 2000 300",
	"得分 138/150，排名 1234/5678", "KPI 138%", "138 人报名，1234 人浏览，5678 人投递", "10086 和 10010", "拨打 110", "12306", "邮编 518000", "500强", "Top 100", "A股 600519", "汇率 7.1234", "股票代码 000001",
	"我2019年毕业，做了5年后端，之前在一家200人左右的公司，负责3个服务，日活50万，期望25-35K。", "2021.03-2023.05 某某科技 后端工程师；2023.06-2025.12 示例网络 高级工程师",
	"微信同号", "邮箱怎么填？", "please email me the details", "my email is on my resume", "发邮箱就行", "issue #163 已修复", "abc * 126", "qq邮箱收不到", "加我一个", "联系我就行", "找我内推", "contact me tomorrow", "reach me anytime",

	// Kept apart while the rules were made, to see how they do with what they were not made for.
	"您好，看了您的简历，觉得很匹配我们的高级后端岗位，base 北京，薪资 30-50K*16，方便沟通吗", "我们公司在望京 SOHO T1 1801", "地铁 14 号线 15 号线交汇，步行 300 米", "到岗时间 2026.4.1，试用期 3 个月 80%", "五险一金，公积金 12%，年假 10 天，餐补 30/天", "上班时间 10:00-19:00，弹性 1 小时",
	"面试时间：3月12日（周四）14:00-15:00，地点：朝阳区建国路 93 号院 8 号楼 1608", "Interview on Mar 12, 2:00 PM - 3:00 PM, Room 1608", "本科 2015.9-2019.6，硕士 2019.9-2022.6", "期望：25000-30000，目前：20000*15", "月薪 28000，年终 3-6 个月，期权 10000 股", "做过日均 1000 万订单、峰值 50000 QPS 的系统",
	"英语六级 568，雅思 7.5（8/7.5/7/6.5）", "GPA 3.85/4.0，排名 3/120", "专利号 ZL201810123456.7", "软著登记号 2019SR0123456", "论文 DOI 10.1145/3318464.3389700", "Kaggle 前 1%，LeetCode 2100 分", "端口 3306/6379/9200/27017", "jdk1.8.0_202，tomcat 8.5.57", "iPhone 15 Pro 256G", "分辨率 1920x1080@60Hz", "颜色 #1e90ff", "MAC 00:1A:2B:3C:4D:5E",
	"我负责微信端和 App 端", "企业微信打卡", "微信读书、QQ 阅读", "有微信小游戏 cocos2dx 经验", "微信群里发了 offer", "加班多吗", "加薪幅度 30%", "加油！", "老板是清华 98 级", "V2EX 上看到的", "v8 引擎", "Vx86", "QQ 一下", "tel aviv 办公室", "电话会 11:30 开始", "这个 phone 项目 2023 年立项", "mobile 端 5 年", "call 我可以吗", "邮箱填学校的可以吗", "www 协议", "example 网站", "nginx.conf", "main.go 和 index.html", "package.json", "http 协议 https 证书", "a.b.c", "U.S. based", "Ph.D.", "No. 1",
	"一二线城市", "三四五六线", "七八年经验，五六个人", "九九六吗", "零一二三", "一九九五年", "二零一九年至二零二三年", "第十三届", "十三薪", "一三五上班，二四六居家", "八九不离十", "三七二十一", "工资一万五到两万", "一天八小时，一周五天", "四五六七八月都可以",
	"SKU 6901234567892", "快递 75312345678901", "营业执照 91110105MA01ABCD2X", "尾号 5678", "护照 E12345678", "人民币 1,234,567,890 元", "编制 120/150/180", "2023Q4 15%，2024Q1 18%，2024Q2 20%", "1-3年 3-5年 5-10年", "15k 18k 20k 25k", "13:30 14:30 15:30 16:30", "3/12 14:00, 3/13 15:00, 3/16 16:00", "13日14日15日都行", "1381 元", "186 分钟 1234 秒",
}

func find(text string) []finding {
	var s scan
	return s.run(builtin, text)
}

func TestContactsAreFoundHoweverTheyAreSpelt(t *testing.T) {
	for _, c := range contacts {
		hit := false
		var got []string
		for _, f := range find(c.text) {
			got = append(got, f.kind.String()+" "+c.text[f.from:f.to])
			hit = hit || f.kind == c.kind && !(f.doubtful && c.kind != Phone) && strings.Contains(c.text[f.from:f.to], c.part)
		}
		if !hit {
			t.Errorf("%q: found %q, want %s %q", c.text, got, c.kind, c.part)
		}
	}
	if len(contacts) < 60 {
		t.Errorf("only %d texts", len(contacts))
	}
}

func TestWhatIsNoContactPasses(t *testing.T) {
	for _, text := range harmless {
		for _, f := range find(text) {
			if !f.doubtful {
				t.Errorf("%q: %s %q", text, f.kind, text[f.from:f.to])
			}
		}
	}
	if len(harmless) < 60 {
		t.Errorf("only %d texts", len(harmless))
	}
}
